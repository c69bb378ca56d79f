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

std::span<const std::byte> TensorView::row(std::int64_t r) const {
  assert(source == nullptr);
  return data.subspan(static_cast<std::size_t>(r) * row_bytes(), row_bytes());
}

std::span<const std::byte> TensorView::row(std::int64_t r, std::vector<std::byte>& scratch) const {
  if (source == nullptr) return row(r);
  scratch.resize(row_bytes());
  source->Read(first_row + r, scratch);
  return scratch;
}

TensorView TensorView::Slice(std::int64_t begin, std::int64_t count) const {
  assert(shape.rank() > 0 && begin + count <= shape[0]);
  std::vector<std::int64_t> dims{count};
  for (std::size_t axis = 1; axis < shape.rank(); ++axis) dims.push_back(shape[axis]);
  TensorView slice = *this;
  slice.shape = Shape(std::span<const std::int64_t>(dims));
  const std::size_t each = bytes() / static_cast<std::size_t>(shape[0]);
  if (source == nullptr) {
    slice.data = data.subspan(static_cast<std::size_t>(begin) * each, static_cast<std::size_t>(count) * each);
  } else {
    slice.first_row += begin * (shape.rank() == 1 ? 0 : shape.rows() / shape[0]);
  }
  return slice;
}

}  // namespace strata
