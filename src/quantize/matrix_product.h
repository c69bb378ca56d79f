// Products of f32 matrices by the kernels that linears have, which use what the processor can do.
//
//   const PackedMatrix b = PackedMatrix::OfRows(weights, n, k, k);
//   b.Multiply(workers, {x, k}, rows, Into::kSet, {out, n});      // out = x b^T
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/kernels.h"
#include "quantize/workers.h"

namespace strata::quantize {

using kernels::RowsOf;

/// What a product does to what was there.
enum class Into : std::uint8_t { kSet, kAdd, kSubtract };

/// The right side of products, b [n, k], packed once.
class PackedMatrix {
 public:
  /// Rows of `k` floats, `stride` apart.
  static PackedMatrix OfRows(const float* rows, std::int64_t n, std::int64_t k, std::int64_t stride);
  /// The transpose of what lies there: `k` rows of `n` floats, `stride` apart.
  static PackedMatrix OfColumns(const float* rows, std::int64_t n, std::int64_t k, std::int64_t stride);

  std::int64_t n() const { return problem_.n; }
  std::int64_t k() const { return problem_.k; }

  /// out (=, +=, -=) a b^T, of `rows` rows; a is [rows, k], out [rows, n]. A row's bits depend on nothing but that row.
  void Multiply(RowsOf<const float> a, std::int64_t rows, Into into, RowsOf<float> out) const {
    Multiply(a, rows, into, out, 0, kernels::Panels(n()));
  }
  void Multiply(Workers& workers, RowsOf<const float> a, std::int64_t rows, Into into, RowsOf<float> out) const;
  /// Of a square result only what is on and below the diagonal, and a little above it.
  void MultiplyLower(Workers& workers, RowsOf<const float> a, std::int64_t rows, Into into, RowsOf<float> out) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  using Memory = std::unique_ptr<std::byte[], Free>;
  static Memory Allocate(std::size_t bytes);

  explicit PackedMatrix(const float* rows, std::int64_t n, std::int64_t k);
  /// Panels [begin, end) of the columns.
  void Multiply(RowsOf<const float> a, std::int64_t rows, Into into, RowsOf<float> out, std::int64_t panel_begin,
                std::int64_t panel_end) const;

  kernels::LinearProblem problem_;
  const kernels::LinearKernel* kernel_;
  Memory packed_;
};

}  // namespace strata::quantize
