// Inside the kernels only: packed float weights as f32, for AVX-512.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/linear_float.h"
#include "tensor/scaled_blocks.h"

namespace strata::kernels {
namespace {

// Sixteen float8 (e4m3), then sixteen more, each times 1 / kFloat8Rebias.
inline void WidenFloat8(__m256i codes, __m512& first, __m512& second) {
  const __m512i words = _mm512_cvtepu8_epi16(codes);
  const __m512i magnitude = _mm512_and_si512(_mm512_slli_epi16(words, 7), _mm512_set1_epi16(0x3f80));
  const __m512i sign = _mm512_and_si512(_mm512_slli_epi16(words, 8), _mm512_set1_epi16(static_cast<short>(0x8000)));
  const __m512i halves = _mm512_or_si512(magnitude, sign);
  first = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
  second = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
}

// Sixteen NF4 of the low four bits, then sixteen of the high ones.
inline void WidenNF4(__m128i codes, __m512& low, __m512& high) {
  const __m512 levels = _mm512_loadu_ps(kNF4);
  const __m512i both = _mm512_cvtepu8_epi32(codes);
  low = _mm512_permutexvar_ps(both, levels);  // which looks at four bits
  high = _mm512_permutexvar_ps(_mm512_srli_epi32(both, 4), levels);
}

// The weights at k (even) and k + 1.
template <PanelFloat kType>
inline void LoadPair(const std::byte* panel, std::int64_t k, __m512& even, __m512& odd) {
  constexpr std::int64_t kSpan = FloatBlockSpan(kType);
  if constexpr (kSpan != 0) {
    const __m512 scale = _mm512_load_ps(panel + k / kSpan * FloatBlockBytes(kType));
    const std::byte* codes = panel + FloatStepOffset(kType, k);
    if constexpr (kType == PanelFloat::kNF4_64) {
      WidenNF4(_mm_load_si128(reinterpret_cast<const __m128i*>(codes)), even, odd);
    } else {
      WidenFloat8(_mm256_load_si256(reinterpret_cast<const __m256i*>(codes)), even, odd);
    }
    even = _mm512_mul_ps(even, scale);
    odd = _mm512_mul_ps(odd, scale);
  } else if constexpr (kType == PanelFloat::kF32) {
    even = _mm512_load_ps(panel + k * 64);
    odd = _mm512_load_ps(panel + k * 64 + 64);
  } else if constexpr (kType == PanelFloat::kF16) {
    even = _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(panel + k * 32)));
    odd = _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(panel + k * 32 + 32)));
  } else {
    const __m512i both = _mm512_load_si512(panel + k * 32);
    even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    odd = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
}

}  // namespace
}  // namespace strata::kernels
