// Inside the linears over packed weights with activations of bf16, on tiles: weights are the left operand, 16 columns
// by a group of k, as they are packed (tile_weights_avx512.h); 16 rows of activations are the right one, as they are
// prepared (linear_bf16.h); sums are [column][row], and are transposed when they are complete. A tile adds in an order
// of its own, which does not depend on the other rows.
//
// Up to 32 rows take the weights as they stream by, a panel at a time: a group is unpacked while the one before it is
// multiplied. More rows pass over two panels at a time, some groups of which stay in L1 when the first rows have
// unpacked them.
//
// The tiles themselves are a parameter: those of the processor (amx_tiles.h), or what the tests have in their place
// where it has none (emulated_tiles.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_bf16.h"
#include "kernels/tile_weights_avx512.h"

namespace strata::kernels {
namespace {

static_assert(kBF16Block == kTileRows);
constexpr std::int64_t kFewRowsOfTiles = 2 * kTileRows;
constexpr std::int64_t kFewPanels = 8;     // of few rows, whose sums wait for one epilogue
constexpr std::int64_t kBlockGroups = 12;  // of two panels stay in L1 while all rows pass, which come from L2
constexpr std::int64_t kBlockPanels = 4;
constexpr std::int64_t kBlockRows = 512;

// Sums of the first panel in tiles 0 and 1, of the second in 2 and 3; panels in 4 and 5; rows in 6 and 7.
inline TileConfig ConfigOfRows(const RowPair& rows) {
  TileConfig config;
  for (int tile = 0; tile < kTiles; ++tile) {
    const bool panel = tile == 4 || tile == 5;
    const std::int64_t of_rows = tile % 2 == 1 && rows.second > 0 ? rows.second : rows.first;
    config.rows[tile] = static_cast<std::uint8_t>(kTileRows);
    config.row_bytes[tile] = static_cast<std::uint16_t>(panel ? kTileBytes : 4 * of_rows);
  }
  return config;
}

// Groups of panels, those of a stretch of k.
struct alignas(64) UnpackedPanels {
  std::byte tiles[2][kBlockGroups * kWeightTileBytes];
};

// Up to 32 rows of a run, prepared.
struct Rows {
  RowPair count;
  const std::byte* first;
  const std::byte* second;

  Rows(const LinearArgs& args, std::int64_t row)
      : count(RowPair::Of(std::min(args.rows - row, 2 * kTileRows))),
        first(args.activations + row * BF16RowBytes(args.k)),
        second(first + kTileRows * BF16RowBytes(args.k)) {}
};

// Where the sums of two tiles of rows by some panels are, and how far they got.
struct Sums {
  float* at;
  std::int64_t stride;  // floats
  bool begin, end;      // of k: there they begin at zero, or are complete
};

// Complete sums of up to 32 rows by some panels, [column][row] by sixteens, to rows, in place.
inline void Transpose(const RowPair& rows, std::int64_t panels, float* at, std::int64_t stride) {
  if (rows.first == 1) return;  // Multiply stores one row as it is
  for (const std::int64_t count : {rows.first, rows.second}) {
    if (count == 0) break;
    for (std::int64_t p = 0; p < panels; ++p) {
      __m512i row[kTileRows];
      Transpose16(at + p * kPanel, stride * static_cast<std::int64_t>(sizeof(float)), row);
      for (std::int64_t i = 0; i < count; ++i) _mm512_storeu_si512(at + i * stride + p * kPanel, row[i]);
    }
    at += kTileRows * stride;
  }
}

// What becomes of the unpacked weights of a stretch of k.
enum class Unpacked : std::uint8_t {
  kUsed,  // they are multiplied at once, and their place taken by others
  kKept,  // other rows follow
  kThere  // kept from other rows
};

// Groups [group0, group0 + groups) of kPanels panels by the rows.
template <class Tiles, class Weights, int kPanels, bool kSecond, Unpacked kUnpacked>
void Multiply(const Weights* weights, std::int64_t panels_ahead, const Rows& rows, std::int64_t group0,
              std::int64_t groups, UnpackedPanels& unpacked, const Sums& sums) {
  const std::int64_t sums_bytes = sums.stride * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t first_bytes = 4 * rows.count.first, second_bytes = 4 * rows.count.second;
  float* const second_sums = sums.at + kTileRows * sums.stride;
  if (sums.begin) {
    Tiles::template Zero<0>();
    if constexpr (kSecond) Tiles::template Zero<1>();
    if constexpr (kPanels == 2) Tiles::template Zero<2>();
    if constexpr (kPanels == 2 && kSecond) Tiles::template Zero<3>();
  } else {
    Tiles::template Load<0>(sums.at, sums_bytes);
    if constexpr (kSecond) Tiles::template Load<1>(second_sums, sums_bytes);
    if constexpr (kPanels == 2) Tiles::template Load<2>(sums.at + kPanel, sums_bytes);
    if constexpr (kPanels == 2 && kSecond) Tiles::template Load<3>(second_sums + kPanel, sums_bytes);
  }
  const auto place = [&](int p, std::int64_t g) {
    constexpr std::int64_t kPlaces = 8;
    return unpacked.tiles[p] + (kUnpacked == Unpacked::kUsed ? g % kPlaces : g) * kWeightTileBytes;
  };
  const auto unpack = [&](std::int64_t g) __attribute__((always_inline)) {
    for (int p = 0; p < kPanels; ++p) {
      weights[p].Prefetch(group0 + g, panels_ahead);
      weights[p].Unpack(group0 + g, place(p, g));
    }
  };
  const auto tile = [&](int p, std::int64_t g) {
    if constexpr (Weights::kInPlace) {
      return weights[p].Group(group0 + g);
    } else {
      return place(p, g);
    }
  };
  const auto multiply = [&](std::int64_t g) __attribute__((always_inline)) {
    const std::int64_t pair = (group0 + g) * kGroup / 2;
    Tiles::template Load<6>(rows.first + pair * first_bytes, first_bytes);
    if constexpr (kSecond) Tiles::template Load<7>(rows.second + pair * second_bytes, second_bytes);
    Tiles::template Load<4>(tile(0, g), kTileBytes);
    if constexpr (kPanels == 2) Tiles::template Load<5>(tile(1, g), kTileBytes);
    Tiles::template AddDots<0, 4, 6>();
    if constexpr (kSecond) Tiles::template AddDots<1, 4, 7>();
    if constexpr (kPanels == 2) Tiles::template AddDots<2, 5, 6>();
    if constexpr (kPanels == 2 && kSecond) Tiles::template AddDots<3, 5, 7>();
  };
  constexpr std::int64_t kLag = kUnpacked == Unpacked::kThere ? 0 : 1;
  for (std::int64_t g = 0; g < groups + kLag; ++g) {
    if (kLag > 0 && g < groups) unpack(g);
    if (g >= kLag) multiply(g - kLag);
  }
  if (sums.end && rows.count.first == 1) {  // which is a row already
    Tiles::template Store<0>(sums.at, sizeof(float));
    if constexpr (kPanels == 2) Tiles::template Store<2>(sums.at + kPanel, sizeof(float));
    return;
  }
  Tiles::template Store<0>(sums.at, sums_bytes);
  if constexpr (kPanels == 2) Tiles::template Store<2>(sums.at + kPanel, sums_bytes);
  if constexpr (kSecond) Tiles::template Store<1>(second_sums, sums_bytes);
  if constexpr (kPanels == 2 && kSecond) Tiles::template Store<3>(second_sums + kPanel, sums_bytes);
}

// of_groups(first group, groups, begin, end) for stretches that are as even as can be.
template <class OfGroups>
void ForStretches(std::int64_t k, const OfGroups& of_groups) {
  const std::int64_t all = k / kGroup;
  const std::int64_t stretches = (all + kBlockGroups - 1) / kBlockGroups;
  for (std::int64_t s = 0; s < stretches; ++s) {
    const std::int64_t group0 = all * s / stretches;
    of_groups(group0, all * (s + 1) / stretches - group0, s == 0, s + 1 == stretches);
  }
}

template <class Tiles, class Weights>
void RunFewRows(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kFewRowsOfTiles * kFewPanels * kPanel];
  UnpackedPanels unpacked;
  const Rows rows(args, 0);
  const auto multiply = rows.count.second > 0 ? Multiply<Tiles, Weights, 1, true, Unpacked::kUsed>
                                              : Multiply<Tiles, Weights, 1, false, Unpacked::kUsed>;
  const std::int64_t step = kFewPanels / args.epilogue->parts * args.epilogue->parts;
  Tiles::Configure(ConfigOfRows(rows.count));
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = std::min(panel_end - panel0, step);
    const std::int64_t stride = panels * kPanel;
    for (std::int64_t p = 0; p < panels; ++p) {
      const Weights weights(args.weights + (panel0 + p) * Weights::PanelBytes(args.k), args.k);
      if (p % args.epilogue->parts == 0) FetchForFinish(*args.epilogue, 0, args.rows, panel0 + p, args.epilogue->parts);
      multiply(&weights, 1, rows, 0, args.k / kGroup, unpacked, {acc + p * kPanel, stride, true, true});
    }
    Transpose(rows.count, panels, acc, stride);
    Finish(*args.epilogue, acc, stride, 0, args.rows, panel0, panels);
  }
  Tiles::Release();
}

template <class Tiles, class Weights>
void RunManyRows(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  const std::int64_t panel_bytes = Weights::PanelBytes(args.k);
  UnpackedPanels unpacked;
  RowPair configured = {0, 0};
  const auto of_block = [&](std::int64_t row0, std::int64_t count, std::int64_t panel0, std::int64_t panels,
                            float* acc) {
    const std::byte* const panel = args.weights + panel0 * panel_bytes;
    for (std::int64_t p = 0; p < panels; p += 2) {
      // The neighbour of a last odd panel is itself: acc has the room, nobody reads it.
      const std::int64_t next = p + 1 < panels ? p + 1 : p;
      const Weights weights[2] = {{panel + p * panel_bytes, args.k}, {panel + next * panel_bytes, args.k}};
      ForStretches(args.k, [&](std::int64_t group0, std::int64_t groups, bool begin, bool end) {
        for (std::int64_t r = 0; r < count; r += 2 * kTileRows) {
          const Rows rows(args, row0 + r);
          if (rows.count != configured) Tiles::Configure(ConfigOfRows(configured = rows.count));
          const auto multiply = r == 0 ? (rows.count.second > 0 ? Multiply<Tiles, Weights, 2, true, Unpacked::kKept>
                                                                : Multiply<Tiles, Weights, 2, false, Unpacked::kKept>)
                                       : (rows.count.second > 0 ? Multiply<Tiles, Weights, 2, true, Unpacked::kThere>
                                                                : Multiply<Tiles, Weights, 2, false, Unpacked::kThere>);
          if (end && p + 2 >= panels)
            FetchForFinish(*args.epilogue, row0 + r, std::min(count - r, 2 * kTileRows), panel0, panels);
          float* const sums = acc + r * kStride + p * kPanel;
          multiply(weights, 2, rows, group0, groups, unpacked, {sums, kStride, begin, end});
          if (end) Transpose(rows.count, 2, sums, kStride);
        }
      });
    }
  };
  RunByBlocks<kBlockRows, kBlockPanels>(args, panel_begin, panel_end, of_block);
  Tiles::Release();
}

template <class Tiles, class Weights>
void RunBF16(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  args.rows <= kFewRowsOfTiles ? RunFewRows<Tiles, Weights>(args, panel_begin, panel_end)
                               : RunManyRows<Tiles, Weights>(args, panel_begin, panel_end);
}

}  // namespace
}  // namespace strata::kernels
