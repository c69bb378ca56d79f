// Latent attention on zmm: up to 32 lanes, sixteen vectors of sums in registers.
#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/latent_attention_tile.h"

namespace strata::kernels {
namespace {

struct LatentAvx512 {
  using Vector = __m512;
  static constexpr int kWidth = 16;
  static constexpr int kTile = 4;

  static Vector Load(const float* values) { return _mm512_loadu_ps(values); }
  static void Store(float* to, Vector v) { _mm512_storeu_ps(to, v); }
  static Vector LoadFirst(const float* values, std::int64_t count) {
    return _mm512_maskz_loadu_ps(Lanes(count), values);
  }
  static void StoreFirst(float* to, Vector v, std::int64_t count) { _mm512_mask_storeu_ps(to, Lanes(count), v); }
  static Vector Set1(float value) { return _mm512_set1_ps(value); }
  static Vector Fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector Add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  // By halves, neighbours, pairs of these, and halves again; what lies beside each other is summed at once.
  template <int kRows>
  static void SumEach(const Vector (&vectors)[kRows][kQueries], float (&sums)[kRows][kQueries]) {
    const auto neighbours = [](Vector a, Vector b) {
      return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
    };
    Vector quarters[2];  // of rows 0 and 1, and of 2 and 3
    for (int i = 0; i < 2; ++i) {
      const auto& upper = vectors[std::min(2 * i, kRows - 1)];
      const auto& lower = vectors[std::min(2 * i + 1, kRows - 1)];
      Vector halves[kQueries];
      for (int q = 0; q < kQueries; ++q) {
        halves[q] = _mm512_add_ps(_mm512_shuffle_f32x4(upper[q], lower[q], 0x44),
                                  _mm512_shuffle_f32x4(upper[q], lower[q], 0xee));
      }
      quarters[i] = neighbours(neighbours(halves[0], halves[1]), neighbours(halves[2], halves[3]));
    }
    const Vector all = _mm512_add_ps(_mm512_shuffle_f32x4(quarters[0], quarters[1], 0x88),
                                     _mm512_shuffle_f32x4(quarters[0], quarters[1], 0xdd));
    _mm512_mask_storeu_ps(sums[0], Lanes(kRows * kQueries), all);
  }
  static Vector Exp2(Vector x) { return kernels::Exp2(x); }
  static Vector Where(Vector a, Vector limit, Vector yes, Vector no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, limit, _CMP_LE_OQ), no, yes);
  }
  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = Lanes(count - i);
      _mm512_mask_storeu_ps(out + i, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, f16 + i)));
    }
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) {
    const __m512 most = _mm512_set1_ps(65504.0f);
    for (std::int64_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = Lanes(count - i);
      const __m512 value = _mm512_maskz_loadu_ps(lanes, in + i);
      // A NaN stays one: it is the second operand of both.
      const __m512 clamped = _mm512_max_ps(_mm512_sub_ps(_mm512_setzero_ps(), most), _mm512_min_ps(most, value));
      _mm256_mask_storeu_epi16(f16 + i, lanes, _mm512_cvtps_ph(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
  }
};

}  // namespace

constinit const LatentKernel kLatentAvx512 =
    MakeLatentKernel<LatentAvx512>("latent_attention_avx512", RefusesLatentAvx512);

}  // namespace strata::kernels
