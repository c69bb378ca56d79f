// The vectors themselves, as they are stored, and their inner products with a query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/distance.h"
#include "knowledge/vectors/growing_array.h"
#include "knowledge/vectors/index.h"

namespace strata::knowledge {

/// One writer sets rows that no reader knows of, yet.
class RowStore {
 public:
  RowStore(std::int64_t dimensions, VectorStorage storage);

  /// A vector in the forms that products need; made once a search, kept and filled again while a graph is built.
  struct Query {
    std::vector<float> values;
    std::vector<std::uint8_t> bytes;  ///< plus 128
    float scale = 0;
  };
  void SetQuery(std::span<const float> vector, Query& query) const;
  void SetQuery(std::uint32_t row, Query& query) const;  ///< the row's own

  void Reserve(std::uint32_t row);
  void Set(std::uint32_t row, std::span<const float> vector);
  void Clear(std::uint32_t row);

  /// scores[i] = inner product with rows[i], as exact as the storage is fast: of bytes where it has them. Never NaN.
  void Score(const Query& query, std::span<const std::uint32_t> rows, float* scores) const;
  /// As exact as the storage is.
  void ScoreExactly(const Query& query, std::span<const std::uint32_t> rows, float* scores) const;
  bool has_bytes() const { return bytes_.row_bytes() != 0; }

  /// What files hold: rows of values, and rows of bytes (row_bytes() 0 where the storage has none).
  GrowingArray& values() { return values_; }
  GrowingArray& bytes() { return bytes_; }

 private:
  std::size_t dimensions_;
  VectorStorage storage_;
  const kernels::DistanceKernels& kernels_;
  GrowingArray values_;  ///< f32 or f16
  GrowingArray bytes_;   ///< int8, then scale (f32) and sum (int32)
};

}  // namespace strata::knowledge
