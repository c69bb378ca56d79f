// Inside the linears for rows of prompts, on tiles: panels of linear_int8.h become bf16, [pair of k][column][2], for
// all rows (tile_blocks.h), which are multiplied 32 rows by 32 columns at a time with their sums in four tiles. A tile
// adds in an order of its own, which does not depend on the other rows.
//
// The tiles themselves are a parameter: those of the processor (amx_tiles.h), or what the tests have in their place
// where it has none (emulated_tiles.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/int8_weights_avx512.h"
#include "kernels/tile_blocks.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kPairBytes = kTileBytes;  // two successive k of a panel

// [a0, b0, a1, b1, ...] of the words a and, behind them, b.
inline __m512i Interleaved(__m512i words) {
  alignas(64) static constexpr std::uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), words);
}

// Two successive k of a panel.
inline void StorePair(__m512 even, __m512 odd, std::byte* out) {
  _mm512_store_si512(out, Interleaved(reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even))));
}

// A group of a panel.
template <Int8Format kFormat>
void Unpack(const std::byte* panel, const Int8Panel& layout, std::int64_t g, std::byte* out) {
  const __m512i byte = _mm512_set1_epi32(255);
  PrefetchGroup<kFormat>(panel + 2 * layout.bytes, layout, g);
  WeightGroup<kFormat> group;
  group.Load(panel, layout, g);
  for (int j = 0; j < 8; ++j) {
    const int h = j * kFormat.halves / 8;
    const __m512 scale = group.scale[h];
    __m512 least = _mm512_mul_ps(scale, _mm512_set1_ps(-static_cast<float>(kFormat.zero)));
    if constexpr (kFormat.stored_min) least = _mm512_add_ps(least, group.min[h]);
    __m512 values[4];
    for (int i = 0; i < 4; ++i) {
      const __m512i quants = _mm512_and_si512(_mm512_srli_epi32(group.quads[j], static_cast<unsigned>(8 * i)), byte);
      values[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(quants), scale, least);
    }
    for (int i = 0; i < 4; i += 2, out += kPairBytes) StorePair(values[i], values[i + 1], out);
  }
}

template <class Tiles, bool kSecond>
void Multiply(const LinearArgs& args, const TileProduct& product) {
  constexpr std::int64_t kSumsBytes = kBlockStride * sizeof(float);
  const std::int64_t row_bytes = PrefillRowBytes(args.k);
  const std::byte* const first = args.activations + product.row * row_bytes + product.group0 * kGroup * 2;
  const std::byte* const second = first + kTileRows * row_bytes;
  float* const sums = product.sums;
  float* const second_sums = sums + kTileRows * kBlockStride;
  if (product.begins()) {
    Tiles::template Zero<0>();
    Tiles::template Zero<1>();
    Tiles::template Zero<2>();
    Tiles::template Zero<3>();
  } else {
    Tiles::template Load<0>(sums, kSumsBytes);
    Tiles::template Load<1>(sums + kPanel, kSumsBytes);
    if constexpr (kSecond) Tiles::template Load<2>(second_sums, kSumsBytes);
    if constexpr (kSecond) Tiles::template Load<3>(second_sums + kPanel, kSumsBytes);
  }
  for (std::int64_t g = 0; g < product.groups; ++g) {
    Tiles::template Load<6>(product.unpacked.tiles[g][0], kPairBytes);
    Tiles::template Load<4>(first + g * kGroup * 2, row_bytes);
    Tiles::template AddDots<0, 4, 6>();
    Tiles::template Load<7>(product.unpacked.tiles[g][1], kPairBytes);
    Tiles::template AddDots<1, 4, 7>();
    if constexpr (kSecond) {
      Tiles::template Load<5>(second + g * kGroup * 2, row_bytes);
      Tiles::template AddDots<2, 5, 6>();
      Tiles::template AddDots<3, 5, 7>();
    }
    product.lines.Fetch(product.lines_a_group);
  }
  Tiles::template Store<0>(sums, kSumsBytes);
  Tiles::template Store<1>(sums + kPanel, kSumsBytes);
  if constexpr (kSecond) Tiles::template Store<2>(second_sums, kSumsBytes);
  if constexpr (kSecond) Tiles::template Store<3>(second_sums + kPanel, kSumsBytes);
}

template <class Tiles, Int8Format kFormat>
void RunPrefill(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  RowPair configured = {0, 0};
  const auto multiply = [&](const TileProduct& product) {
    if (product.rows != configured) Tiles::Configure(ConfigOf(configured = product.rows));
    if (product.unpack) {
      for (std::int64_t g = 0; g < product.groups; ++g) {
        for (int p = 0; p < 2; ++p)
          Unpack<kFormat>(product.panels[p], layout, product.group0 + g, product.unpacked.tiles[g][p]);
      }
    }
    product.rows.second > 0 ? Multiply<Tiles, true>(args, product) : Multiply<Tiles, false>(args, product);
  };
  RunUnpacked(args, layout.bytes, panel_begin, panel_end, multiply, [](const RowPair&, std::int64_t, float*) {});
  Tiles::Release();
}

}  // namespace
}  // namespace strata::kernels
