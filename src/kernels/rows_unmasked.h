// Inside the kernels only: what rows kernels share whose instruction set has no masks: whole vectors, then a tail of
// single numbers. Each file that includes this gets its own copy.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

/// (x - mean) * factor * weight + bias, if there is one.
inline void Standardise(const float* x, float mean, float factor, const float* weight, const float* bias,
                        std::int64_t n, float* out) {
  if (bias == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * factor * weight[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * factor * weight[i] + bias[i];
  }
}

/// Word by word: most masks allow few tokens, and those are near each other.
inline std::int64_t ArgMaxOfAllowed(const float* x, const std::uint32_t* allowed, std::int64_t n) {
  RowMax best;
  for (std::int64_t begin = 0; begin < n; begin += 32) {
    for (std::uint32_t left = allowed[begin / 32]; left != 0; left &= left - 1) {
      const std::int64_t i = begin + __builtin_ctz(left);
      if (i < n) best.Take({x[i], static_cast<std::int32_t>(i)});
    }
  }
  return best.column < n ? best.column : 0;
}

/// out = x where the bit is set, else -infinity.
inline void Restrict(const float* x, const std::uint32_t* allowed, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = (allowed[i / 32] >> (i % 32) & 1) != 0 ? x[i] : -__builtin_inff();
}

/// The greatest value first (kGreatest), then where it stands: two loads an element, but no index vectors to carry.
template <float (*kGreatest)(const float*, std::int64_t)>
std::int64_t ArgMax(const float* x, const std::uint32_t* allowed, std::int64_t n) {
  if (allowed != nullptr) return ArgMaxOfAllowed(x, allowed, n);
  const float greatest = kGreatest(x, n);
  for (std::int64_t i = 0; i < n; ++i) {
    if (x[i] == greatest) return i;
  }
  return 0;
}

}  // namespace
}  // namespace strata::kernels
