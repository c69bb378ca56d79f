// Shape and TensorView: typed, shaped, read-only memory that someone else owns (usually a mapped model file), or rows
// that are made when they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

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

/// Makes the rows of a matrix one by one from parts that lie apart (quantised integers here, their scales there), so
/// that a weight in such a form is never held twice.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Writes the blocks of a row. Any number of threads may call it. It cannot fail: what might be wrong with the parts
  /// was found when the source was made.
  virtual void Read(std::int64_t row, std::span<std::byte> blocks) const = 0;
  /// These rows were read and will hardly be again: the memory of their parts may be given back.
  virtual void DoneWith(std::int64_t begin, std::int64_t count) const = 0;
};

struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  /// bytes() of them, row-major blocks along the innermost dimension; empty when there is a source.
  std::span<const std::byte> data;
  const RowSource* source = nullptr;  ///< makes the rows, of which the view's first is its `first_row`
  std::int64_t first_row = 0;

  std::size_t bytes() const { return BytesOf(dtype, static_cast<std::size_t>(shape.elements())); }
  std::size_t row_bytes() const { return BytesOf(dtype, static_cast<std::size_t>(shape.cols())); }
  /// The blocks of row r, of a view without a source (assert).
  std::span<const std::byte> row(std::int64_t r) const;
  /// The blocks of row r of any view; `scratch` holds them when they are made.
  std::span<const std::byte> row(std::int64_t r, std::vector<std::byte>& scratch) const;
  /// Indices [begin, begin + count) of the outermost dimension.
  TensorView Slice(std::int64_t begin, std::int64_t count) const;
};

}  // namespace strata
