// Inside the linears on AMX tiles only: packed weights as bf16, one group of one panel a tile, [16 columns][32 k].
//
// Where a column's weights of a group are one of sixteen values, which is so for all of four bits, these are computed
// once and rounded, and a shuffle of words looks up all 32 weights at once: five instructions, where converting each
// takes eleven.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/float_weights_avx512.h"
#include "kernels/int8_weights_avx512.h"
#include "kernels/linear_bf16.h"
#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

// A load's broadcast is free. (Left to itself clang 19 makes shuffles of the vector that was stored there.)
inline __m512 Broadcast(const float& value) {
  __m512 all;
  __asm__("vbroadcastss %1, %0" : "=v"(all) : "m"(value));
  return all;
}
inline __m512 Scaled(__m512 values, const float& scale) { return _mm512_mul_ps(values, Broadcast(scale)); }
inline __m512 Scaled(__m512 values, const float& scale, const float& min) {
  __m512 all = Broadcast(scale);
  __asm__("vfmadd213ps %2%{1to16%}, %1, %0" : "+v"(all) : "v"(values), "m"(min));
  return all;
}

// A bf16 is the upper half of an f32: to the nearest, halves away from zero.
inline __m512i RoundedUpperHalves(__m512 values) {
  return _mm512_add_epi32(_mm512_castps_si512(values), _mm512_set1_epi32(0x8000));
}

// The upper halves of sixteen f32, twice.
inline __m512i UpperHalvesTwice(__m512i values) {
  alignas(64) static constexpr std::uint16_t kOdd[32] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                                         1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOdd), values);
}
// Those of `first`, then of `second`.
inline __m512i UpperHalves(__m512i first, __m512i second) {
  alignas(64) static constexpr std::uint16_t kOdd[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                         23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                         45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  return _mm512_permutex2var_epi16(first, _mm512_load_si512(kOdd), second);
}

inline void StoreColumn(__m512 first, __m512 second, int column, std::byte* out) {
  const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
  _mm512_store_si512(out + kTileBytes * column, reinterpret_cast<__m512i>(both));
}

// A panel of linear_int8.h in QuantOrder::kTiles.
template <Int8Format kFormat>
class Int8Weights {
 public:
  static constexpr bool kInPlace = false;
  static std::int64_t PanelBytes(std::int64_t k) { return PanelLayout(kFormat, k).bytes; }

  Int8Weights(const std::byte* panel, std::int64_t k) : panel_(panel), layout_(PanelLayout(kFormat, k)) {
    if constexpr (kFormat.levels) {
      const auto* levels = reinterpret_cast<const __m128i*>(panel + layout_.levels);
      values_ = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128(levels)));
    } else {
      values_ = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }
    values_ = _mm512_sub_ps(values_, _mm512_set1_ps(kFormat.zero));
  }

  // Asks for group g of a panel behind this one.
  inline void Prefetch(std::int64_t g, std::int64_t panels_ahead) const {
    PrefetchGroup<kFormat>(panel_ + panels_ahead * layout_.bytes, layout_, g);
  }

  inline void Unpack(std::int64_t g, std::byte* out) const {
    const Int8Places at = PlacesOf(kFormat, layout_, g);
    const BlockScales<kFormat> block(panel_ + at.shared);
    Scales of;
    for (int h = 0; h < kFormat.halves; ++h) {
      const __m512 scale = WeightGroup<kFormat>::Scale(panel_, at, block, h);
      _mm512_store_ps(of.scale[h], scale);
      if constexpr (kMin) {
        __m512 min = _mm512_setzero_ps();
        if constexpr (kFormat.stored_min) min = WeightGroup<kFormat>::Min(panel_, at, block, h);
        if constexpr (!kFormat.nibbles) min = _mm512_fnmadd_ps(scale, _mm512_set1_ps(kFormat.zero), min);
        _mm512_store_ps(of.min[h], min);
      }
    }
    const std::byte* quants = panel_ + at.quants;
    if constexpr (!kFormat.nibbles) {
      UnpackBytes(quants, of, out);
    } else if constexpr (kFormat.halves == 1) {
      UnpackNibbles(quants, of, out);
    } else {
      UnpackHalves(quants, of, out);
    }
  }

 private:
  // Bytes keep their zero point in it.
  static constexpr bool kMin = kFormat.stored_min || !kFormat.nibbles;
  struct Scales {
    alignas(64) float scale[kFormat.halves][kPanel];
    alignas(64) float min[kFormat.halves][kPanel];
  };

  static inline __m512 ScaledBy(__m512 values, const Scales& of, int half, int column) {
    if constexpr (kMin) {
      return Scaled(values, of.scale[half][column], of.min[half][column]);
    } else {
      return Scaled(values, of.scale[half][column]);
    }
  }

  inline void UnpackNibbles(const std::byte* quants, const Scales& of, std::byte* out) const {
#pragma clang loop unroll(full)
    for (int four = 0; four < 4; ++four) {
      const __m512i words = _mm512_load_si512(quants + 64 * four);
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; ++i) {
        const int column = 4 * four + i;
        const __m512i table = UpperHalvesTwice(RoundedUpperHalves(ScaledBy(values_, of, 0, column)));
        // What a word has above the nibble does not matter, for the table's halves are equal.
        const __m512i nibbles = _mm512_srli_epi16(words, static_cast<unsigned>(4 * i));
        _mm512_store_si512(out + kTileBytes * column, _mm512_permutexvar_epi16(nibbles, table));
      }
    }
  }

  // With a table for each half of k, which bit 4 of an index chooses.
  inline void UnpackHalves(const std::byte* quants, const Scales& of, std::byte* out) const {
    const __m512i low = _mm512_set1_epi16(15);
    const __m512i half = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(16), 1);
    for (int column = 0; column < kPanel; ++column) {
      const __m512i words = _mm512_load_si512(quants + column / 4 * 64);
      const __m512i table = UpperHalves(RoundedUpperHalves(ScaledBy(values_, of, 0, column)),
                                        RoundedUpperHalves(ScaledBy(values_, of, 1, column)));
      const __m512i nibbles = _mm512_srlv_epi16(words, _mm512_set1_epi16(static_cast<short>(column % 4 * 4)));
      const __m512i at = _mm512_or_si512(_mm512_and_si512(nibbles, low), half);
      _mm512_store_si512(out + kTileBytes * column, _mm512_permutexvar_epi16(at, table));
    }
  }

  static inline void UnpackBytes(const std::byte* quants, const Scales& of, std::byte* out) {
#pragma clang loop unroll(full)
    for (int column = 0; column < kPanel; ++column) {
      const auto* bytes = reinterpret_cast<const __m128i*>(quants + kGroup * column);
      const __m512 first = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128(bytes)));
      const __m512 second = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128(bytes + 1)));
      StoreColumn(ScaledBy(first, of, 0, column), ScaledBy(second, of, kFormat.halves - 1, column), column, out);
    }
  }

  const std::byte* panel_;
  Int8Panel layout_;
  __m512 values_;  // of the indices 0 to 15
};

// A panel of linear_float.h in the order of tiles.
template <PanelFloat kType>
class FloatWeights {
 public:
  static constexpr bool kInPlace = FloatBlockSpan(kType) == 0;
  static std::int64_t PanelBytes(std::int64_t k) { return FloatTilePanelBytes(kType, k); }

  FloatWeights(const std::byte* panel, std::int64_t k) : panel_(panel), bytes_(PanelBytes(k)) {}

  inline void Prefetch(std::int64_t g, std::int64_t panels_ahead) const {
    const std::byte* at = Group(g) + panels_ahead * bytes_;
    for (std::int64_t line = 0; line < FloatTileGroupBytes(kType); line += 64) _mm_prefetch(at + line, _MM_HINT_T1);
  }

  // Where the weights of a group begin; kInPlace: bf16, the tile itself.
  inline const std::byte* Group(std::int64_t g) const { return panel_ + FloatTileGroupOffset(kType, g); }

  inline void Unpack(std::int64_t g, std::byte* out) const {
    if constexpr (!kInPlace) {
      const std::byte* block = panel_ + g * kGroup / FloatBlockSpan(kType) * FloatBlockBytes(kType);
      const auto* scales = reinterpret_cast<const float*>(block);
      for (int column = 0; column < kPanel; ++column) {
        const std::byte* codes = Group(g) + column * FloatTileGroupBytes(kType) / kPanel;
        __m512 first;
        __m512 second;
        if constexpr (kType == PanelFloat::kNF4_64) {
          WidenNF4(_mm_load_si128(reinterpret_cast<const __m128i*>(codes)), first, second);
        } else {
          WidenFloat8(_mm256_load_si256(reinterpret_cast<const __m256i*>(codes)), first, second);
        }
        StoreColumn(Scaled(first, scales[column]), Scaled(second, scales[column]), column, out);
      }
    }
  }

 private:
  const std::byte* panel_;
  std::int64_t bytes_;
};

}  // namespace
}  // namespace strata::kernels
