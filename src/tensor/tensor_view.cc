#include "tensor/tensor_view.h"

#include <algorithm>
#include <cassert>

#include <fmt/ranges.h>

namespace strata {

Shape::Shape(std::initializer_list<std::int64_t> dims)
    : Shape(std::span<const std::int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const std::int64_t> dims) : rank_(dims.size()) {
  assert(dims.size() <= kMaxRank);
  std::ranges::copy(dims, dims_);
}

std::int64_t Shape::elements() const { return rows() * cols(); }

std::int64_t Shape::rows() const {
  std::int64_t product = 1;
  for (std::size_t axis = 0; axis + 1 < rank_; ++axis) product *= dims_[axis];
  return product;
}

std::int64_t Shape::cols() const { return rank_ == 0 ? 1 : dims_[rank_ - 1]; }

std::string Shape::ToString() const {
  return fmt::format("[{}]", fmt::join(std::span<const std::int64_t>(dims_, rank_), ", "));
}

}  // namespace strata
