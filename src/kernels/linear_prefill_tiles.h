// Inside the linears for rows of prompts, on tiles: some groups of two panels of linear_int8.h become bf16 in scratch
// that stays in L1 and are multiplied by all rows, 32 rows by 32 columns at a time with their sums in four tiles. A
// tile adds in an order of its own, which does not depend on the other rows.
//
// The tiles themselves are a parameter: those of the processor (amx_tiles.h), or what the tests have in their place
// where it has none (emulated_tiles.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/int8_weights_avx512.h"
#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kPairBytes = kTileBytes;  // two successive k of a panel
constexpr std::int64_t kGroupBytes = kGroup / 2 * kPairBytes;
constexpr std::int64_t kBlockGroups = 12;  // of two panels stay in L1 while all rows pass, which come from L2
constexpr std::int64_t kBlockPanels = 4;
constexpr std::int64_t kBlockRows = 512;

// Some groups of a panel: [group][16 pairs of k][16 columns][2].
struct alignas(64) UnpackedPanel {
  std::byte weights[kBlockGroups * kGroupBytes];
};

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

// `groups` groups of a panel from group0 on, [group][16 pairs of k][16 columns][2].
template <Int8Format kFormat>
void Unpack(const std::byte* panel, std::int64_t k, std::int64_t group0, std::int64_t groups, UnpackedPanel& unpacked) {
  const Int8Panel layout = PanelLayout(kFormat, k);
  const __m512i byte = _mm512_set1_epi32(255);
  for (std::int64_t g = 0; g < groups; ++g) {
    PrefetchGroup<kFormat>(panel + layout.bytes, layout, group0 + g);  // of the panel after this one
    WeightGroup<kFormat> group;
    group.Load(panel, layout, group0 + g);
    std::byte* out = unpacked.weights + g * kGroupBytes;
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
}

// `groups` groups of up to 32 rows times two panels, added to acc or beginning it.
template <class Tiles, bool kSecond>
void Multiply(const std::byte* activations, std::int64_t row_bytes, const std::byte* left, const std::byte* right,
              std::int64_t groups, bool begin, float* acc, std::int64_t acc_stride) {
  const std::byte* second = activations + kTileRows * row_bytes;
  float* second_acc = acc + kTileRows * acc_stride;
  const std::int64_t acc_bytes = acc_stride * static_cast<std::int64_t>(sizeof(float));
  if (begin) {
    Tiles::template Zero<0>();
    Tiles::template Zero<1>();
    Tiles::template Zero<2>();
    Tiles::template Zero<3>();
  } else {
    Tiles::template Load<0>(acc, acc_bytes);
    Tiles::template Load<1>(acc + kPanel, acc_bytes);
    if constexpr (kSecond) {
      Tiles::template Load<2>(second_acc, acc_bytes);
      Tiles::template Load<3>(second_acc + kPanel, acc_bytes);
    }
  }
  for (std::int64_t g = 0; g < groups; ++g) {
    Tiles::template Load<6>(left + g * kGroupBytes, kPairBytes);
    Tiles::template Load<4>(activations + g * kGroup * 2, row_bytes);
    Tiles::template AddDots<0, 4, 6>();
    Tiles::template Load<7>(right + g * kGroupBytes, kPairBytes);
    Tiles::template AddDots<1, 4, 7>();
    if constexpr (kSecond) {
      Tiles::template Load<5>(second + g * kGroup * 2, row_bytes);
      Tiles::template AddDots<2, 5, 6>();
      Tiles::template AddDots<3, 5, 7>();
    }
  }
  Tiles::template Store<0>(acc, acc_bytes);
  Tiles::template Store<1>(acc + kPanel, acc_bytes);
  if constexpr (kSecond) {
    Tiles::template Store<2>(second_acc, acc_bytes);
    Tiles::template Store<3>(second_acc + kPanel, acc_bytes);
  }
}

// Rows [row0, row0 + rows) of panels [panel0, panel0 + panels) into acc, [rows][kBlockPanels * kPanel].
template <class Tiles, Int8Format kFormat>
void RunBlock(const LinearArgs& args, std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels,
              float* acc, RowPair& configured) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  const std::int64_t panel_bytes = PanelLayout(kFormat, args.k).bytes;
  const std::byte* const weights = args.weights + panel0 * panel_bytes;
  const std::int64_t row_bytes = PrefillRowBytes(args.k);
  const std::int64_t all = args.k / kGroup;
  const std::int64_t blocks = (all + kBlockGroups - 1) / kBlockGroups;
  UnpackedPanel left, right;
  for (std::int64_t p = 0; p < panels; p += 2) {
    // The neighbour of a last odd panel is itself: acc has the room, nobody reads it.
    const std::int64_t next = p + 1 < panels ? p + 1 : p;
    for (std::int64_t block = 0; block < blocks; ++block) {  // of sizes as even as can be
      const std::int64_t group0 = all * block / blocks;
      const std::int64_t groups = all * (block + 1) / blocks - group0;
      Unpack<kFormat>(weights + p * panel_bytes, args.k, group0, groups, left);
      Unpack<kFormat>(weights + next * panel_bytes, args.k, group0, groups, right);
      for (std::int64_t r = 0; r < rows; r += 2 * kTileRows) {
        const std::int64_t count = rows - r < 2 * kTileRows ? rows - r : 2 * kTileRows;
        if (block + 1 == blocks && p + 2 >= panels) FetchForFinish(*args.epilogue, row0 + r, count, panel0, panels);
        const RowPair pair = RowPair::Of(count);
        if (pair != configured) Tiles::Configure(ConfigOf(configured = pair));
        const std::byte* row = args.activations + (row0 + r) * row_bytes + group0 * kGroup * 2;
        (pair.second > 0 ? Multiply<Tiles, true> : Multiply<Tiles, false>)(row, row_bytes, left.weights, right.weights,
                                                                           groups, block == 0,
                                                                           acc + r * kStride + p * kPanel, kStride);
      }
    }
  }
}

template <class Tiles, Int8Format kFormat>
void RunPrefill(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  RowPair configured = {0, 0};
  RunByBlocks<kBlockRows, kBlockPanels>(
      args, panel_begin, panel_end,
      [&](std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels, float* acc) {
        RunBlock<Tiles, kFormat>(args, row0, rows, panel0, panels, acc, configured);
      });
  Tiles::Release();
}

}  // namespace
}  // namespace strata::kernels
