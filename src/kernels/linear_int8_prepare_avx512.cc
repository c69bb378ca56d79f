// Activations for the AVX-512 int8 linears: the norm, if any, then groups of 32 integers with their scale.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

// Stores sixteen quants in their place of a group; returns what is stored, which may be one less than asked for.
template <int kPlanes>
inline __m512i StoreQuants(__m512i quants, bool words, int half, std::byte* group) {
  __m512i low = quants;
  if constexpr (kPlanes == 2) {
    const __m512i round = _mm512_set1_epi32(1 << (kHighShift - 1));
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(quants, round), kHighShift);
    const __m512i counted = _mm512_slli_epi32(high, kHighShift);
    low = _mm512_max_epi32(_mm512_sub_epi32(quants, counted), _mm512_set1_epi32(-127));
    quants = _mm512_add_epi32(counted, low);
    if (words) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + 32 * half), _mm512_cvtepi32_epi16(quants));
      return quants;
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(group + 16 * half), _mm512_cvtepi32_epi8(high));
    group += kGroup;
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(group + 16 * half), _mm512_cvtepi32_epi8(low));
  return quants;
}

}  // namespace

template <int kPlanes, ManyRowsBy kManyRows>
void PrepareInt8Avx512(const PrepareArgs& args) {
  constexpr float kTiny = 1e-30f;  // below it kMax / max may overflow; such a group is zero
  constexpr auto kMax = static_cast<float>(kMaxQuant[kPlanes]);
  const bool words = kManyRows == ManyRowsBy::kTiles && args.run_rows > kFewRows;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* group = args.out + r * Int8RowBytes(kPlanes, args.k);
    const __m512 factor = _mm512_set1_ps(args.norm_weight != nullptr ? RmsFactor(in, args.k, args.norm_eps) : 1.0f);
    for (std::int64_t i = 0; i < args.k; i += kGroup, group += Int8GroupBytes(kPlanes)) {
      __m512 a = _mm512_loadu_ps(in + i);
      __m512 b = _mm512_loadu_ps(in + i + 16);
      if (args.norm_weight != nullptr) {
        a = _mm512_mul_ps(_mm512_mul_ps(a, factor), _mm512_loadu_ps(args.norm_weight + i));
        b = _mm512_mul_ps(_mm512_mul_ps(b, factor), _mm512_loadu_ps(args.norm_weight + i + 16));
      }
      const float max = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
      const float scale = max / kMax;
      const __m512 inverse = _mm512_set1_ps(max > kTiny ? kMax / max : 0.0f);
      const __m512i qa = StoreQuants<kPlanes>(_mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)), words, 0, group);
      const __m512i qb = StoreQuants<kPlanes>(_mm512_cvtps_epi32(_mm512_mul_ps(b, inverse)), words, 1, group);
      const std::int32_t half = _mm512_reduce_add_epi32(qa);
      const std::int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb));
      const Int8GroupTail tail{scale, scale * static_cast<float>(sum), -sum, -half};
      std::memcpy(group + kPlanes * kGroup, &tail, sizeof(tail));
    }
  }
}

template void PrepareInt8Avx512<1, ManyRowsBy::kStrips>(const PrepareArgs&);
template void PrepareInt8Avx512<1, ManyRowsBy::kTiles>(const PrepareArgs&);
template void PrepareInt8Avx512<2, ManyRowsBy::kStrips>(const PrepareArgs&);
template void PrepareInt8Avx512<2, ManyRowsBy::kTiles>(const PrepareArgs&);

}  // namespace strata::kernels
