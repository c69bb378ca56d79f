// Inside the W8A8 linears on tiles: rows of int8 times panels, which are tiles of unsigned bytes as they lie in memory.
// Up to 32 rows by two panels give exact sums for the groups of inputs that share a scale of weights, which wait in
// scratch that stays in L1 until eight rows at a time scale them and add them up, with the results of both panels in
// registers.
//
// The tiles themselves are a parameter, as in linear_bf16_tiles.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_w8a8.h"
#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kStep = 64;  // of k, in one product of tiles
constexpr std::int64_t kPanelStep = kStep * kPanel;
constexpr std::int64_t kBlockRows = 2 * kTileRows;
constexpr std::int64_t kBlockPanels = 8;
constexpr int kRowsAtOnce = 8;

// Of two panels: [group][panel][row][column].
struct alignas(64) GroupSums {
  std::int32_t sums[kInputGroupsOfWeights][2][2 * kTileRows][kPanel];
};

// Groups [group0, group0 + groups) of `steps` steps each. `ahead` bytes behind a line of weights is what is asked for
// when that line is read; 0: nothing.
template <class Tiles, bool kSecond>
void SumGroups(const std::byte* rows, std::int64_t row_bytes, const std::byte* panel, std::int64_t panel_bytes,
               std::int64_t group0, std::int64_t groups, std::int64_t steps, std::int64_t ahead, GroupSums& out) {
  for (std::int64_t g = 0; g < groups; ++g) {
    Tiles::template Zero<0>();
    Tiles::template Zero<1>();
    if constexpr (kSecond) {
      Tiles::template Zero<2>();
      Tiles::template Zero<3>();
    }
    for (std::int64_t s = (group0 + g) * steps; s < (group0 + g + 1) * steps; ++s) {
      const std::byte* weights = panel + s * kPanelStep;
      if (ahead != 0) {
        for (std::int64_t line = 0; line < kPanelStep; line += 64) {
          _mm_prefetch(weights + line + ahead, _MM_HINT_T1);
          _mm_prefetch(weights + panel_bytes + line + ahead, _MM_HINT_T1);
        }
      }
      Tiles::template Load<6>(weights, kTileBytes);
      Tiles::template Load<4>(rows + s * kStep, row_bytes);
      Tiles::template AddByteDots<0, 4, 6>();
      Tiles::template Load<7>(weights + panel_bytes, kTileBytes);
      Tiles::template AddByteDots<1, 4, 7>();
      if constexpr (kSecond) {
        Tiles::template Load<5>(rows + kTileRows * row_bytes + s * kStep, row_bytes);
        Tiles::template AddByteDots<2, 5, 6>();
        Tiles::template AddByteDots<3, 5, 7>();
      }
    }
    Tiles::template Store<0>(out.sums[g][0][0], kTileBytes);
    Tiles::template Store<1>(out.sums[g][1][0], kTileBytes);
    if constexpr (kSecond) {
      Tiles::template Store<2>(out.sums[g][0][kTileRows], kTileBytes);
      Tiles::template Store<3>(out.sums[g][1][kTileRows], kTileBytes);
    }
  }
}

// Rows [row, row + kRows) of the sums, scaled and added to acc, or begun with them. `scales` is the first of these
// groups of the first of these rows, `of_weights` the scales of the two panels.
template <int kRows>
void AddGroups(const GroupSums& sums, std::int64_t row, std::int64_t groups, const std::byte* scales,
               std::int64_t row_bytes, bool begin, const std::byte* const (&of_weights)[2], float* acc,
               std::int64_t acc_stride) {
  __m512 scaled[kRows][2];
  for (auto& of_row : scaled) of_row[0] = of_row[1] = _mm512_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g, scales += sizeof(GroupScale)) {
#pragma clang loop unroll(full)
    for (int r = 0; r < kRows; ++r) {
      GroupScale of;
      std::memcpy(&of, scales + r * row_bytes, sizeof of);
      const __m512i correction = _mm512_set1_epi32(of.correction);
      const __m512 scale = _mm512_set1_ps(of.scale);
      for (int p = 0; p < 2; ++p) {
        const __m512i sum = _mm512_add_epi32(correction, _mm512_load_si512(sums.sums[g][p][row + r]));
        scaled[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, scaled[r][p]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < 2; ++p) {
      float* const results = acc + r * acc_stride + p * kPanel;
      const __m512 before = begin ? _mm512_setzero_ps() : _mm512_load_ps(results);
      _mm512_store_ps(results, _mm512_fmadd_ps(scaled[r][p], _mm512_load_ps(of_weights[p]), before));
    }
  }
}

constexpr decltype(&AddGroups<1>) kAddGroups[kRowsAtOnce] = {AddGroups<1>, AddGroups<2>, AddGroups<3>, AddGroups<4>,
                                                             AddGroups<5>, AddGroups<6>, AddGroups<7>, AddGroups<8>};

// Rows [row0, row0 + rows) by panels [panel0, panel0 + panels) into acc, [rows][kBlockPanels * kPanel].
template <class Tiles, std::int64_t kGroup>
void RunBlock(const LinearArgs& args, std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels,
              float* acc, RowPair& configured) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  const W8A8Panel layout = W8A8PanelLayout<kGroup>(args.k);
  const std::byte* const weights = args.weights + panel0 * layout.bytes;
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 1>(args.k);
  const std::int64_t steps = GroupSize<kGroup>(args.k) / kStep, all = args.k / GroupSize<kGroup>(args.k);
  GroupSums sums;
  for (std::int64_t p = 0; p < panels; p += 2) {
    const std::byte* panel = weights + p * layout.bytes;
    // The neighbour of a last odd panel is itself: acc has the room, nobody reads it.
    const std::int64_t next = p + 1 < panels ? layout.bytes : 0;
    for (std::int64_t r = 0; r < rows; r += 2 * kTileRows) {
      const std::int64_t count = rows - r < 2 * kTileRows ? rows - r : 2 * kTileRows;
      if (p + 2 >= panels) FetchForFinish(*args.epilogue, row0 + r, count, panel0, panels);
      const RowPair pair = RowPair::Of(count);
      if (pair != configured) Tiles::Configure(ConfigOf(configured = pair));
      const std::byte* row = args.activations + (row0 + r) * row_bytes;
      const std::byte* weight_scales = panel + layout.scales;
      for (std::int64_t group0 = 0; group0 < all; group0 += kInputGroupsOfWeights) {
        const std::int64_t groups = all - group0 < kInputGroupsOfWeights ? all - group0 : kInputGroupsOfWeights;
        // The first rows ask for the next pair while they are multiplied by this one.
        const std::int64_t ahead = r + row0 == 0 ? 2 * layout.bytes : 0;
        (pair.second > 0 ? SumGroups<Tiles, true> : SumGroups<Tiles, false>)(row, row_bytes, panel, next, group0,
                                                                             groups, steps, ahead, sums);
        const std::byte* const of_weights[2] = {weight_scales, weight_scales + next};
        weight_scales += kPanel * sizeof(float);
        const std::byte* scales = row + args.k + group0 * static_cast<std::int64_t>(sizeof(GroupScale));
        for (std::int64_t i = 0; i < count; i += kRowsAtOnce) {
          const std::int64_t at_once = count - i < kRowsAtOnce ? count - i : kRowsAtOnce;
          kAddGroups[at_once - 1](sums, i, groups, scales + i * row_bytes, row_bytes, group0 == 0, of_weights,
                                  acc + (r + i) * kStride + p * kPanel, kStride);
        }
      }
    }
  }
}

template <class Tiles, std::int64_t kGroup>
void RunW8A8(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  RowPair configured = {0, 0};
  RunByBlocks<kBlockRows, kBlockPanels>(
      args, panel_begin, panel_end,
      [&](std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels, float* acc) {
        RunBlock<Tiles, kGroup>(args, row0, rows, panel0, panels, acc, configured);
      });
  Tiles::Release();
}

}  // namespace
}  // namespace strata::kernels
