// Shape and TensorView: typed, shaped, read-only memory that someone else owns (usually a mapped model file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "tensor/dtype.h"

namespace strata {

/// Up to four dimensions, outermost first, row-major: a linear weight is [out_features, in_features].
/// (GGUF files list them innermost first; the reader turns them round.)
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);
  explicit Shape(std::span<const std::int64_t> dims);  ///< at most kMaxRank (assert)

  std::size_t rank() const { return rank_; }
  std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  std::int64_t elements() const;  ///< 1 for rank 0
  /// Product of all but the innermost dimension.
  std::int64_t rows() const;
  /// The innermost dimension; 1 for rank 0.
  std::int64_t cols() const;
  std::string ToString() const;  ///< "[576, 1536]"
  bool operator==(const Shape&) const = default;

 private:
  std::int64_t dims_[kMaxRank] = {};
  std::size_t rank_ = 0;
};

struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte>
      data;  ///< BytesOf(dtype, shape.elements()) bytes, row-major blocks along the innermost dimension

  std::span<const std::byte> row(std::int64_t r) const {
    const std::size_t bytes = BytesOf(dtype, static_cast<std::size_t>(shape.cols()));
    return data.subspan(static_cast<std::size_t>(r) * bytes, bytes);
  }
};

}  // namespace strata
