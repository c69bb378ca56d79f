// Inside the linears on tiles only: how many rows pass over packed panels that become tiles for them. Two tiles of rows
// stay in L1 while they are multiplied by a block of panels two at a time, and what the first rows have unpacked of the
// block stays in L2 for the others: the next rows come from wherever they are once a block, not once for each panel.
// Sums of a long k wait in stretches of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/avx512.h"
#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kUnpackedTileBytes = kTileRows * kTileBytes;
constexpr std::int64_t kBlockGroups = 48;
constexpr std::int64_t kBlockPanels = 8;
constexpr std::int64_t kBlockRows = 512;
constexpr std::int64_t kBlockStride = kBlockPanels * kPanel;  // floats from row to row of a block's sums

// Groups of two panels, those of a stretch of k, in turn.
struct alignas(64) UnpackedPair {
  std::byte tiles[kBlockGroups][2][kUnpackedTileBytes];
};

// Two tiles of rows by two panels, over a stretch of k.
struct TileProduct {
  std::int64_t row;
  RowPair rows;
  const std::byte* panels[2];  // of a last odd one twice the same: the sums have the room, nobody reads them
  std::int64_t group0, groups;
  bool unpack;  // nobody has yet
  UnpackedPair& unpacked;
  float* sums;  // rows kBlockStride apart; they begin at zero where k begins
  FinishLines& lines;
  std::int64_t lines_a_group;  // rows whose lines are to be asked for beside each group

  bool begins() const { return group0 == 0; }
};

// multiply(product) for all of them; complete(rows, panels, sums), then the epilogue, where the sums are.
template <class Multiply, class Complete>
void RunUnpacked(const LinearArgs& args, std::int64_t panel_bytes, std::int64_t panel_begin, std::int64_t panel_end,
                 const Multiply& multiply, const Complete& complete) {
  const Epilogue& epilogue = *args.epilogue;
  const std::int64_t all = args.k / kGroup;
  const std::int64_t stretches = (all + kBlockGroups - 1) / kBlockGroups;
  const std::int64_t step = kBlockPanels / epilogue.parts * epilogue.parts;
  alignas(64) float acc[kBlockRows * kBlockStride];
  UnpackedPair unpacked[kBlockPanels / 2];
  const auto of_rows = [&](std::int64_t row0, std::int64_t row, std::int64_t rows, std::int64_t panel0,
                           std::int64_t panels, std::int64_t stretch) {
    const std::int64_t group0 = all * stretch / stretches;  // stretches are as even as can be
    const std::int64_t groups = all * (stretch + 1) / stretches - group0;
    const bool end = stretch + 1 == stretches;
    float* const sums = acc + (stretches == 1 ? 0 : (row - row0) * kBlockStride);
    for (std::int64_t p = 0; p < panels; p += 2) {
      const std::int64_t count = std::min<std::int64_t>(panels - p, 2);
      const std::byte* const panel = args.weights + (panel0 + p) * panel_bytes;
      FinishLines lines(epilogue, row, rows, panel0 + p, count);
      multiply(TileProduct{.row = row,
                           .rows = RowPair::Of(rows),
                           .panels = {panel, panel + (count - 1) * panel_bytes},
                           .group0 = group0,
                           .groups = groups,
                           .unpack = row == row0,
                           .unpacked = unpacked[p / 2],
                           .sums = sums + p * kPanel,
                           .lines = lines,
                           .lines_a_group = end ? (rows + groups - 1) / groups : 0});
    }
    if (!end) return;
    complete(RowPair::Of(rows), panels, sums);
    Finish(epilogue, sums, kBlockStride, row, rows, panel0, panels);
  };
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = std::min(panel_end - panel0, step);
    for (std::int64_t row0 = 0; row0 < args.rows; row0 += kBlockRows) {
      const std::int64_t row_end = std::min(args.rows, row0 + kBlockRows);
      for (std::int64_t stretch = 0; stretch < stretches; ++stretch) {
        for (std::int64_t row = row0; row < row_end; row += 2 * kTileRows)
          of_rows(row0, row, std::min(row_end - row, 2 * kTileRows), panel0, panels, stretch);
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernels
