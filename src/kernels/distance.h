// Inner products of one query with many rows that lie anywhere: what searches by vectors are made of.
//
//   const DistanceKernels& kernels = SelectDistanceKernels(Cpu());
//   kernels.f16(query, rows, 32, 384, scores);   // rows: 32 pointers
//
// As the other kernels: pure, without allocations, and a row's result never depends on the other rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cpu_features.h"
#include "kernels/kernels.h"

namespace strata::kernels {

struct DistanceKernels {
  std::string_view name;

  /// out[i] = sum over j < n of query[j] * rows[i][j], i < count. Rows need no alignment.
  void (*f32)(const float* query, const float* const* rows, std::size_t count, std::size_t n, float* out);
  /// As f32 over rows of IEEE half precision.
  void (*f16)(const float* query, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out);
  /// Of bytes: the query's are unsigned, as vpdpbusd has them (a signed query plus 128, whose surplus of 128 times the
  /// row's sum the caller takes off). Exact for n <= 65536.
  void (*int8)(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t count, std::size_t n,
               std::int32_t* out);

  void (*widen)(const std::uint16_t* half, std::size_t n, float* out);
  void (*narrow)(const float* values, std::size_t n, std::uint16_t* out);  ///< to the nearest, ties to even
};

/// The first of avx512, avx2, neon, ref that the processor has. `log` gets why not the others.
const DistanceKernels& SelectDistanceKernels(const CpuFeatures& cpu, std::vector<Choice>* log = nullptr);

}  // namespace strata::kernels
