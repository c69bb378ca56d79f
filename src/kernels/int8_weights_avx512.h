// Inside the AVX-512 linears over packed int8 weights: a group of them in registers.
#pragma once

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

// What eight groups share, where scales are factors.
template <Int8Format kFormat>
struct BlockScales {
  __m512 scale;
  __m512 min;

  explicit inline BlockScales(const std::byte* shared) {
    if constexpr (kFormat.scales == ScaleType::kFactors) {
      const auto* halves = reinterpret_cast<const __m256i*>(shared);
      scale = _mm512_cvtph_ps(_mm256_loadu_si256(halves));
      if constexpr (kFormat.stored_min) min = _mm512_cvtph_ps(_mm256_loadu_si256(halves + 1));
    }
  }
};

// One group of one panel, unpacked: eight quads of unsigned bytes, scales, mins.
template <Int8Format kFormat>
class WeightGroup {
 public:
  static constexpr int kHalves = kFormat.halves;
  __m512i quads[8];
  __m512 scale[kHalves];
  __m512 min[kHalves];

  inline void Load(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
    const Int8Places at = PlacesOf(kFormat, layout, g);
    Load(panel, layout, at, BlockScales<kFormat>(panel + at.shared));
  }
  // The group that lies there.
  inline void Load(const std::byte* panel, const Int8Panel& layout, const Int8Places& at,
                   const BlockScales<kFormat>& block) {
    const std::byte* quants = panel + at.quants;
    if constexpr (kFormat.nibbles) {
      const __m512i low = _mm512_set1_epi8(15);
      for (int j = 0; j < 4; ++j) {
        const __m512i packed = _mm512_load_si512(quants + 64 * j);
        quads[j] = _mm512_and_si512(packed, low);
        quads[j + 4] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
      }
      if constexpr (kFormat.levels) {
        const __m512i levels =
            _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(panel + layout.levels)));
        for (__m512i& quad : quads) quad = _mm512_shuffle_epi8(levels, quad);
      }
    } else {
      for (int j = 0; j < 8; ++j) quads[j] = _mm512_load_si512(quants + 64 * j);
    }
    for (int h = 0; h < kHalves; ++h) {
      scale[h] = Scale(panel, at, block, h);
      if constexpr (kFormat.stored_min) min[h] = Min(panel, at, block, h);
    }
  }

  // Of half `half`.
  static inline __m512 Scale(const std::byte* panel, const Int8Places& at, const BlockScales<kFormat>& block,
                             int half) {
    return Widen(panel + at.scales + HalfOffset(kFormat, half), block.scale);
  }
  static inline __m512 Min(const std::byte* panel, const Int8Places& at, const BlockScales<kFormat>& block, int half) {
    return Widen(panel + at.mins + HalfOffset(kFormat, half), block.min);
  }

 private:
  static inline __m512 Widen(const std::byte* values, __m512 shared) {
    if constexpr (kFormat.scales == ScaleType::kF32) return _mm512_loadu_ps(values);
    if constexpr (kFormat.scales == ScaleType::kFactors) {
      const __m512i factors = _mm512_cvtepi8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(values)));
      return _mm512_mul_ps(_mm512_cvtepi32_ps(factors), shared);
    }
    const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
    if constexpr (kFormat.scales == ScaleType::kF16) return _mm512_cvtph_ps(narrow);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
  }
};

// Asks for the quants and scales of a group that will be unpacked soon.
template <Int8Format kFormat>
inline void PrefetchGroup(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
  const Int8Places at = PlacesOf(kFormat, layout, g);
  for (std::int64_t line = 0; line < QuantBytes(kFormat); line += 64) {
    _mm_prefetch(panel + at.quants + line, _MM_HINT_T1);
  }
  for (std::int64_t line = 0; line < ScaleBytes(kFormat); line += 64) {
    _mm_prefetch(panel + at.scales + line, _MM_HINT_T1);
    if constexpr (kFormat.stored_min) _mm_prefetch(panel + at.mins + line, _MM_HINT_T1);
  }
}

}  // namespace
}  // namespace strata::kernels
