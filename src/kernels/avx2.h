// Inside the kernels only: what the AVX2 files share. Each file that includes this gets its own copies.
#pragma once

#include <immintrin.h>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

inline float Sum(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline float Max(__m256 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// 1 / sqrt(mean(x^2) + eps), in an order that depends on k alone.
[[maybe_unused]] float RmsFactor(const float* x, std::int64_t k, float eps) {
  __m256 even = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
  std::int64_t i = 0;
  for (; i + 16 <= k; i += 16) {
    const __m256 a = _mm256_loadu_ps(x + i);
    const __m256 b = _mm256_loadu_ps(x + i + 8);
    even = _mm256_fmadd_ps(a, a, even);
    odd = _mm256_fmadd_ps(b, b, odd);
  }
  float sum = Sum(_mm256_add_ps(even, odd));
  for (; i < k; ++i) sum += x[i] * x[i];
  return 1.0f / __builtin_sqrtf(sum / static_cast<float>(k) + eps);
}

// out = x * factor * weight.
[[maybe_unused]] void ScaleBy(const float* x, float factor, const float* weight, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace
}  // namespace strata::kernels
