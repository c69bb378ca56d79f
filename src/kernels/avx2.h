// Inside the kernels only: what the AVX2 files share. Each file that includes this gets its own copies.
#pragma once

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/row_scale.h"

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

// 2^x for x <= 0, by the polynomial of the AVX-512 kernel; the exponent is put in by hand.
[[maybe_unused]] __m256 Exp2(__m256 x) {
  x = _mm256_max_ps(x,
                    _mm256_set1_ps(-126.0f));  // below, f32 has no normal numbers; 1e-38 of a maximum of 1 is nothing
  const __m256 n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 f = _mm256_sub_ps(x, n);
  __m256 y = _mm256_set1_ps(1.54035303933816e-4f);
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(1.33335581464284e-3f));
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(9.61812910762848e-3f));
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(5.55041086648216e-2f));
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(2.40226506959101e-1f));
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(6.93147180559945e-1f));
  y = _mm256_fmadd_ps(y, f, _mm256_set1_ps(1.0f));
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(y, _mm256_castsi256_ps(exponent));
}

// Between -1 and 1 of either sign, by 2^x; its absolute error is that of 1 in f32.
[[maybe_unused]] __m256 Tanh(__m256 x) {
  constexpr float kTwoLog2E = 2.88539008f;
  const __m256 sign = _mm256_set1_ps(-0.0f);
  const __m256 power = Exp2(_mm256_mul_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(-kTwoLog2E)));
  const __m256 one = _mm256_set1_ps(1.0f);
  const __m256 tanh = _mm256_div_ps(_mm256_sub_ps(one, power), _mm256_add_ps(one, power));
  return _mm256_or_ps(tanh, _mm256_and_ps(x, sign));
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

// All bits in the first `count` lanes.
[[maybe_unused]] __m256 FirstLanes(std::int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes));
}

// Up to eight floats, zeros behind them.
[[maybe_unused]] __m256 LoadFirst(const float* values, std::int64_t count) {
  return _mm256_maskload_ps(values, _mm256_castps_si256(FirstLanes(count)));
}

// Rounds a row to integers of at most `most` and, times the scale that is returned, a norm of at most `longest`. What
// is not finite makes the scale NaN.
[[maybe_unused]] float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
  const auto load = [&](std::int64_t i) { return LoadFirst(x + i, count - i); };
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 greatest = _mm256_setzero_ps();
  for (std::int64_t i = 0; i < count; i += 8) {
    greatest = _mm256_max_ps(greatest, _mm256_andnot_ps(sign, load(i)));
  }
  __m256 squares = _mm256_setzero_ps();
  const RowScale row(Max(greatest));
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256 part = _mm256_mul_ps(load(i), _mm256_set1_ps(row.to_one));
    squares = _mm256_fmadd_ps(part, part, squares);
  }
  const float scale = row.Scale(Sum(squares), most, longest);
  const __m256 inverse = _mm256_set1_ps(RowScale::Inverse(scale));
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(load(i), inverse));
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    alignas(16) std::int16_t integers[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(integers), narrow);
    for (std::int64_t j = 0; j < 8 && i + j < count; ++j) out[i + j] = integers[j];
  }
  return scale;
}

}  // namespace
}  // namespace strata::kernels
