// Inside the AVX-512 linears over packed int8 weights: a group of them in registers.
#pragma once

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

// One group of one panel, unpacked: eight quads of unsigned bytes, scales, mins.
template <Int8Format kFormat>
struct WeightGroup {
  static constexpr int kHalves = kFormat.halves;
  __m512i quads[8];
  __m512 scale[kHalves];
  __m512 min[kHalves];

  inline void Load(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
    const std::byte* quants = panel + g * layout.quant_bytes;
    if constexpr (kFormat.nibbles) {
      const __m512i low = _mm512_set1_epi8(15);
      for (int j = 0; j < 4; ++j) {
        const __m512i packed = _mm512_load_si512(quants + 64 * j);
        quads[j] = _mm512_and_si512(packed, low);
        quads[j + 4] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
      }
    } else {
      for (int j = 0; j < 8; ++j) quads[j] = _mm512_load_si512(quants + 64 * j);
    }
    for (int h = 0; h < kHalves; ++h) {
      const std::int64_t at = g * layout.scale_bytes + h * layout.scale_bytes / kHalves;
      scale[h] = Widen(panel + layout.scales + at);
      if constexpr (kFormat.stored_min) min[h] = Widen(panel + layout.mins + at);
    }
  }

  static inline __m512 Widen(const std::byte* values) {
    if constexpr (kFormat.wide_scales) return _mm512_loadu_ps(values);
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
  }
};

// Asks for the quants and scales of a group that will be unpacked soon.
template <Int8Format kFormat>
inline void PrefetchGroup(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
  for (std::int64_t line = 0; line < layout.quant_bytes; line += 64) {
    _mm_prefetch(panel + g * layout.quant_bytes + line, _MM_HINT_T1);
  }
  for (std::int64_t line = 0; line < layout.scale_bytes; line += 64) {
    _mm_prefetch(panel + layout.scales + g * layout.scale_bytes + line, _MM_HINT_T1);
    if constexpr (kFormat.stored_min) _mm_prefetch(panel + layout.mins + g * layout.scale_bytes + line, _MM_HINT_T1);
  }
}

}  // namespace
}  // namespace strata::kernels
