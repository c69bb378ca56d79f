#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

void RmsNorm(const float* x, const float* weight, float eps, std::int64_t n, float* out) {
  ScaleBy(x, RmsFactor(x, n, eps), weight, n, out);
}

// Sum of f(x) over the row, in an order that depends on n alone.
template <class F>
float SumOver(const float* x, std::int64_t n, const F& f) {
  __m512 even = _mm512_setzero_ps();
  __m512 odd = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < n; i += 32) {
    const __mmask16 first = Lanes(n - i);
    const __mmask16 second = Lanes(n - i - 16);
    even = _mm512_mask_add_ps(even, first, even, f(_mm512_maskz_loadu_ps(first, x + i)));
    odd = _mm512_mask_add_ps(odd, second, odd, f(_mm512_maskz_loadu_ps(second, x + i + 16)));
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

void LayerNorm(const float* x, const float* weight, const float* bias, float eps, std::int64_t n, float* out) {
  const auto count = static_cast<float>(n);
  const __m512 mean = _mm512_set1_ps(SumOver(x, n, [](__m512 v) { return v; }) / count);
  const float squares = SumOver(x, n, [&](__m512 v) {
    const __m512 apart = _mm512_sub_ps(v, mean);
    return _mm512_mul_ps(apart, apart);
  });
  const __m512 factor = _mm512_set1_ps(1.0f / __builtin_sqrtf(squares / count + eps));
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = Lanes(n - i);
    const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, x + i), mean), factor);
    const __m512 added = bias != nullptr ? _mm512_maskz_loadu_ps(lanes, bias + i) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(out + i, lanes, _mm512_fmadd_ps(scaled, _mm512_maskz_loadu_ps(lanes, weight + i), added));
  }
}

/// Among those whose bit is set; nullptr: among all.
float Greatest(const float* x, const std::uint32_t* allowed, std::int64_t n) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 even = lowest;
  __m512 odd = lowest;
  for (std::int64_t i = 0; i < n; i += 32) {
    const std::uint32_t word = allowed == nullptr ? ~0U : allowed[i / 32];
    if (word == 0) continue;
    const auto low = static_cast<__mmask16>(Lanes(n - i) & word);
    const auto high = static_cast<__mmask16>(Lanes(n - i - 16) & (word >> 16));
    even = _mm512_max_ps(_mm512_mask_loadu_ps(lowest, low, x + i), even);
    odd = _mm512_max_ps(_mm512_mask_loadu_ps(lowest, high, x + i + 16), odd);
  }
  return _mm512_reduce_max_ps(_mm512_max_ps(even, odd));
}

// The greatest value first, then where it stands: two loads an element, but no index vectors to carry.
std::int64_t ArgMax(const float* x, const std::uint32_t* allowed, std::int64_t n) {
  const __m512 greatest = _mm512_set1_ps(Greatest(x, allowed, n));
  for (std::int64_t i = 0; i < n; i += 16) {
    const std::uint32_t bits = allowed == nullptr ? ~0U : allowed[i / 32] >> (i % 32);
    const auto lanes = static_cast<__mmask16>(Lanes(n - i) & bits);
    const __mmask16 equal = _mm512_mask_cmp_ps_mask(lanes, _mm512_maskz_loadu_ps(lanes, x + i), greatest, _CMP_EQ_OQ);
    if (equal != 0) return i + __builtin_ctz(equal);
  }
  return 0;
}

double Softmax(const float* x, const std::uint32_t* allowed, float scale, std::int64_t n, float* out) {
  const __m512 greatest = _mm512_set1_ps(Greatest(x, allowed, n));
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  __m512d low = _mm512_setzero_pd();
  __m512d high = _mm512_setzero_pd();
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 row = Lanes(n - i);
    const std::uint32_t bits = allowed == nullptr ? ~0U : allowed[i / 32] >> (i % 32);
    const auto lanes = static_cast<__mmask16>(row & bits);
    if (lanes == 0) {
      _mm512_mask_storeu_ps(out + i, row, _mm512_setzero_ps());
      continue;
    }
    const __m512 power = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, x + i), greatest), factor);
    // Also where both are -infinity, whose difference is NaN.
    const __mmask16 counts = _mm512_mask_cmp_ps_mask(lanes, power, _mm512_set1_ps(kLeastPower), _CMP_GE_OQ);
    const __m512 weight = _mm512_maskz_mov_ps(counts, Exp2(power));
    _mm512_mask_storeu_ps(out + i, row, weight);
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(weight)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(weight, 1)));
  }
  return _mm512_reduce_add_pd(_mm512_add_pd(low, high));
}

void AddScaled(const float* x, float scale, std::int64_t n, float* out) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = Lanes(n - i);
    const __m512 sum =
        _mm512_fmadd_ps(factor, _mm512_maskz_loadu_ps(lanes, x + i), _mm512_maskz_loadu_ps(lanes, out + i));
    _mm512_mask_storeu_ps(out + i, lanes, sum);
  }
}

}  // namespace

constinit const RowKernels kRowsAvx512 = {"rows_avx512", EmbedRow, RmsNorm, LayerNorm,
                                          RotateRow,     ArgMax,   Softmax, AddScaled};

}  // namespace strata::kernels
