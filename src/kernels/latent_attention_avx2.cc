// Latent attention on ymm: up to 16 lanes, eight vectors of sums in registers.
#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/latent_attention_tile.h"

namespace strata::kernels {
namespace {

struct LatentAvx2 {
  using Vector = __m256;
  static constexpr int kWidth = 8;
  static constexpr int kTile = 2;

  static Vector Load(const float* values) { return _mm256_loadu_ps(values); }
  static void Store(float* to, Vector v) { _mm256_storeu_ps(to, v); }
  static Vector LoadFirst(const float* values, std::int64_t count) { return kernels::LoadFirst(values, count); }
  static void StoreFirst(float* to, Vector v, std::int64_t count) {
    _mm256_maskstore_ps(to, _mm256_castps_si256(FirstLanes(count)), v);
  }
  static Vector Set1(float value) { return _mm256_set1_ps(value); }
  static Vector Fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector Add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  template <int kRows>
  static void SumEach(const Vector (&vectors)[kRows][kQueries], float (&sums)[kRows][kQueries]) {
    for (int r = 0; r < kRows; ++r) {
      const auto& row = vectors[r];
      const Vector four = _mm256_hadd_ps(_mm256_hadd_ps(row[0], row[1]), _mm256_hadd_ps(row[2], row[3]));
      _mm_storeu_ps(sums[r], _mm_add_ps(_mm256_castps256_ps128(four), _mm256_extractf128_ps(four, 1)));
    }
  }
  static Vector Exp2(Vector x) { return kernels::Exp2(x); }
  static Vector Where(Vector a, Vector limit, Vector yes, Vector no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, limit, _CMP_LE_OQ));
  }
  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(f16 + i))));
    }
    for (; i < count; ++i) out[i] = _cvtsh_ss(f16[i]);
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = in[i] > 65504.0f ? 65504.0f : in[i] < -65504.0f ? -65504.0f : in[i];
      f16[i] = static_cast<std::uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
  }
};

}  // namespace

constinit const LatentKernel kLatentAvx2 = MakeLatentKernel<LatentAvx2>("latent_attention_avx2", RefusesLatentAvx2);

}  // namespace strata::kernels
