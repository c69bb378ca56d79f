#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"
#include "kernels/rows_unmasked.h"

namespace strata::kernels {
namespace {

void RmsNorm(const float* x, const float* weight, float eps, std::int64_t n, float* out) {
  ScaleBy(x, RmsFactor(x, n, eps), weight, n, out);
}

// Sum of f(x) over the row, in an order that depends on n alone; f of a vector and of a number.
template <class OfEight, class OfOne>
float SumOver(const float* x, std::int64_t n, const OfEight& of_eight, const OfOne& of_one) {
  __m256 even = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    even = _mm256_add_ps(even, of_eight(_mm256_loadu_ps(x + i)));
    odd = _mm256_add_ps(odd, of_eight(_mm256_loadu_ps(x + i + 8)));
  }
  float sum = Sum(_mm256_add_ps(even, odd));
  for (; i < n; ++i) sum += of_one(x[i]);
  return sum;
}

void LayerNorm(const float* x, const float* weight, const float* bias, float eps, std::int64_t n, float* out) {
  const auto count = static_cast<float>(n);
  const float mean = SumOver(x, n, [](__m256 v) { return v; }, [](float v) { return v; }) / count;
  const __m256 means = _mm256_set1_ps(mean);
  const float squares = SumOver(
      x, n,
      [&](__m256 v) {
        const __m256 apart = _mm256_sub_ps(v, means);
        return _mm256_mul_ps(apart, apart);
      },
      [&](float v) { return (v - mean) * (v - mean); });
  const float factor = 1.0f / __builtin_sqrtf(squares / count + eps);
  Standardise(x, mean, factor, weight, bias, n, out);
}

float Greatest(const float* x, std::int64_t n) {
  __m256 max = _mm256_set1_ps(-__builtin_inff());
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) max = _mm256_max_ps(_mm256_loadu_ps(x + i), max);
  float greatest = Max(max);
  for (; i < n; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  return greatest;
}

double Softmax(const float* x, const std::uint32_t* allowed, float scale, std::int64_t n, float* out) {
  if (allowed != nullptr) {
    Restrict(x, allowed, n, out);
    x = out;
  }
  const float greatest = Greatest(x, n);
  const float factor = scale * kLog2E;
  __m256d low = _mm256_setzero_pd();
  __m256d high = _mm256_setzero_pd();
  const auto weights = [&](__m256 values) {
    const __m256 power = _mm256_mul_ps(_mm256_sub_ps(values, _mm256_set1_ps(greatest)), _mm256_set1_ps(factor));
    // Also where both are -infinity, whose difference is NaN.
    const __m256 weight = _mm256_and_ps(_mm256_cmp_ps(power, _mm256_set1_ps(kLeastPower), _CMP_GE_OQ), Exp2(power));
    low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(weight)));
    high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(weight, 1)));
    return weight;
  };
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, weights(_mm256_loadu_ps(x + i)));
  if (i < n) {
    alignas(32) float rest[8];
    for (std::int64_t k = 0; k < 8; ++k) rest[k] = i + k < n ? x[i + k] : -__builtin_inff();
    _mm256_store_ps(rest, weights(_mm256_load_ps(rest)));
    for (std::int64_t k = 0; i + k < n; ++k) out[i + k] = rest[k];
  }
  const __m256d four = _mm256_add_pd(low, high);
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

void AddScaled(const float* x, float scale, std::int64_t n, float* out) {
  const __m256 factor = _mm256_set1_ps(scale);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(out + i)));
  }
  for (; i < n; ++i) out[i] = __builtin_fmaf(scale, x[i], out[i]);
}

}  // namespace

constinit const RowKernels kRowsAvx2 = {"rows_avx2", EmbedRow,         RmsNorm, LayerNorm,
                                        RotateRow,   ArgMax<Greatest>, Softmax, AddScaled};

}  // namespace strata::kernels
