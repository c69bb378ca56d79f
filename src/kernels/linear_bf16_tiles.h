// Inside the linears over packed weights with activations of bf16, on tiles: weights are the left operand, 16 columns
// by a group of k, as they are packed (tile_weights_avx512.h); 16 rows of activations are the right one, as they are
// prepared (linear_bf16.h); sums are [column][row], and are transposed when they are complete. A tile adds in an order
// of its own, which does not depend on the other rows.
//
// Up to 64 rows take the weights as they stream by, a panel at a time: a group is unpacked while the one before it is
// multiplied. More rows pass over panels that the first of them have unpacked (tile_blocks.h).
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
#include "kernels/tile_blocks.h"
#include "kernels/tile_weights_avx512.h"

namespace strata::kernels {
namespace {

static_assert(kBF16Block == kTileRows);
constexpr int kFewTiles = 4;  // of rows
constexpr std::int64_t kFewRowsOfTiles = kFewTiles * kTileRows;
constexpr std::int64_t kFewSums = 4096;  // that wait for one epilogue

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

// Complete sums of up to 16 rows by some panels, [column][row], to rows, in place.
inline void Transpose(std::int64_t rows, std::int64_t panels, float* at, std::int64_t stride) {
  if (rows == 0) return;
  for (std::int64_t p = 0; p < panels; ++p) {
    __m512i row[kTileRows];
    Transpose16(at + p * kPanel, stride * static_cast<std::int64_t>(sizeof(float)), row);
    for (std::int64_t i = 0; i < rows; ++i) _mm512_storeu_si512(at + i * stride + p * kPanel, row[i]);
  }
}

// kUnpack: a group is unpacked while the one before it is multiplied.
template <class Tiles, class Weights, bool kSecond, bool kUnpack>
void Multiply(const LinearArgs& args, const TileProduct& product) {
  constexpr std::int64_t kSumsBytes = kBlockStride * sizeof(float);
  const Weights weights[2] = {{product.panels[0], args.k}, {product.panels[1], args.k}};
  const std::int64_t first_bytes = 4 * product.rows.first, second_bytes = 4 * product.rows.second;
  const std::byte* const first = args.activations + product.row * BF16RowBytes(args.k);
  const std::byte* const second = first + kTileRows * BF16RowBytes(args.k);
  float* const sums = product.sums;
  float* const second_sums = sums + kTileRows * kBlockStride;
  if (product.begins()) {
    Tiles::template Zero<0>();
    Tiles::template Zero<2>();
    if constexpr (kSecond) Tiles::template Zero<1>();
    if constexpr (kSecond) Tiles::template Zero<3>();
  } else {
    Tiles::template Load<0>(sums, kSumsBytes);
    Tiles::template Load<2>(sums + kPanel, kSumsBytes);
    if constexpr (kSecond) Tiles::template Load<1>(second_sums, kSumsBytes);
    if constexpr (kSecond) Tiles::template Load<3>(second_sums + kPanel, kSumsBytes);
  }
  const auto unpack = [&](std::int64_t g) __attribute__((always_inline)) {
    for (int p = 0; p < 2; ++p) {
      weights[p].Prefetch(product.group0 + g, 2);
      weights[p].Unpack(product.group0 + g, product.unpacked.tiles[g][p]);
    }
  };
  const auto tile = [&](int p, std::int64_t g) {
    if constexpr (Weights::kInPlace) {
      return weights[p].Group(product.group0 + g);
    } else {
      return product.unpacked.tiles[g][p];
    }
  };
  const auto multiply = [&](std::int64_t g) __attribute__((always_inline)) {
    const std::int64_t pair = (product.group0 + g) * kGroup / 2;
    Tiles::template Load<6>(first + pair * first_bytes, first_bytes);
    if constexpr (kSecond) Tiles::template Load<7>(second + pair * second_bytes, second_bytes);
    Tiles::template Load<4>(tile(0, g), kTileBytes);
    Tiles::template Load<5>(tile(1, g), kTileBytes);
    Tiles::template AddDots<0, 4, 6>();
    if constexpr (kSecond) Tiles::template AddDots<1, 4, 7>();
    Tiles::template AddDots<2, 5, 6>();
    if constexpr (kSecond) Tiles::template AddDots<3, 5, 7>();
    product.lines.Fetch(product.lines_a_group);
  };
  constexpr std::int64_t kLag = kUnpack ? 1 : 0;
  for (std::int64_t g = 0; g < product.groups + kLag; ++g) {
    if (kUnpack && g < product.groups) unpack(g);
    if (g >= kLag) multiply(g - kLag);
  }
  Tiles::template Store<0>(sums, kSumsBytes);
  Tiles::template Store<2>(sums + kPanel, kSumsBytes);
  if constexpr (kSecond) Tiles::template Store<1>(second_sums, kSumsBytes);
  if constexpr (kSecond) Tiles::template Store<3>(second_sums + kPanel, kSumsBytes);
}

// kCount tiles of rows by a panel: their sums in tiles 0 to 3, the panel in 4, rows in 5 and 6 by turns, the last,
// which alone may have less than sixteen, in 7.
template <int kCount>
struct FewTiles {
  static constexpr int Of(int tile) { return tile + 1 == kCount ? 7 : 5 + tile % 2; }

  static TileConfig Config(std::int64_t last_rows) {
    TileConfig config;
    for (int tile = 0; tile < kTiles; ++tile) {
      const bool last = tile + 1 == kCount || tile == Of(kCount - 1);
      config.rows[tile] = static_cast<std::uint8_t>(kTileRows);
      config.row_bytes[tile] = static_cast<std::uint16_t>(last ? 4 * last_rows : kTileBytes);
    }
    return config;
  }
};

// All of a panel by all rows; into sums, [column][row] by sixteens.
template <class Tiles, class Weights, int kCount>
void MultiplyFew(const LinearArgs& args, std::int64_t panel, float* sums, std::int64_t stride) {
  using Of = FewTiles<kCount>;
  constexpr std::int64_t kPlaces = 8;
  alignas(64) std::byte unpacked[kPlaces * kUnpackedTileBytes];
  const Weights weights(args.weights + panel * Weights::PanelBytes(args.k), args.k);
  const std::int64_t last_bytes = 4 * (args.rows - (kCount - 1) * kTileRows);
  ForTiles<kCount>([]<int kTile>() { Tiles::template Zero<kTile>(); });
  const auto multiply = [&](std::int64_t g) __attribute__((always_inline)) {
    const auto load = [&]<int kTile>() __attribute__((always_inline)) {
      const std::int64_t bytes = kTile + 1 == kCount ? last_bytes : kTileBytes;
      const std::byte* rows = args.activations + kTile * kTileRows * BF16RowBytes(args.k);
      Tiles::template Load<Of::Of(kTile)>(rows + g * kGroup / 2 * bytes, bytes);
    };
    const auto add = [&]<int kTile>()
                         __attribute__((always_inline)) { Tiles::template AddDots<kTile, 4, Of::Of(kTile)>(); };
    // Of four tiles the third is loaded where the first was.
    if constexpr (Weights::kInPlace) {
      Tiles::template Load<4>(weights.Group(g), kTileBytes);
    } else {
      Tiles::template Load<4>(unpacked + g % kPlaces * kUnpackedTileBytes, kTileBytes);
    }
    load.template operator()<0>();
    if constexpr (kCount > 1) load.template operator()<1>();
    if constexpr (kCount > 2) load.template operator()<kCount - 1>();
    add.template operator()<0>();
    if constexpr (kCount > 3) load.template operator()<2>();
    if constexpr (kCount > 1) add.template operator()<1>();
    if constexpr (kCount > 2) add.template operator()<kCount - 1>();
    if constexpr (kCount > 3) add.template operator()<2>();
  };
  const std::int64_t groups = args.k / kGroup;
  for (std::int64_t g = 0; g <= groups; ++g) {
    if (g < groups) {
      weights.Prefetch(g, 1);
      weights.Unpack(g, unpacked + g % kPlaces * kUnpackedTileBytes);
    }
    if (g > 0) multiply(g - 1);
  }
  if (args.rows == 1) {  // which is a row already
    Tiles::template Store<0>(sums, sizeof(float));
    return;
  }
  ForTiles<kCount>([&]<int kTile>() {
    Tiles::template Store<kTile>(sums + kTile * kTileRows * stride, stride * static_cast<std::int64_t>(sizeof(float)));
  });
}

template <class Tiles, class Weights, int kCount>
void RunFewRows(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  constexpr std::int64_t kPanels = kFewSums / (std::max(kCount, 2) * kTileRows * kPanel);
  alignas(64) float acc[kFewSums];
  const std::int64_t step = kPanels / args.epilogue->parts * args.epilogue->parts;
  const std::int64_t last_rows = args.rows - (kCount - 1) * kTileRows;
  Tiles::Configure(FewTiles<kCount>::Config(last_rows));
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = std::min(panel_end - panel0, step);
    const std::int64_t stride = panels * kPanel;
    for (std::int64_t p = 0; p < panels; ++p) {
      if (p % args.epilogue->parts == 0) FetchForFinish(*args.epilogue, 0, args.rows, panel0 + p, args.epilogue->parts);
      MultiplyFew<Tiles, Weights, kCount>(args, panel0 + p, acc + p * kPanel, stride);
    }
    if (args.rows > 1) {
      for (std::int64_t r = 0; r < args.rows; r += kTileRows)
        Transpose(std::min(args.rows - r, kTileRows), panels, acc + r * stride, stride);
    }
    Finish(*args.epilogue, acc, stride, 0, args.rows, panel0, panels);
  }
  Tiles::Release();
}

template <class Tiles, class Weights>
void RunManyRows(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RowPair configured = {0, 0};
  const auto multiply = [&](const TileProduct& product) {
    if (product.rows != configured) Tiles::Configure(ConfigOfRows(configured = product.rows));
    if (product.rows.second > 0) {
      product.unpack ? Multiply<Tiles, Weights, true, true>(args, product)
                     : Multiply<Tiles, Weights, true, false>(args, product);
    } else {
      product.unpack ? Multiply<Tiles, Weights, false, true>(args, product)
                     : Multiply<Tiles, Weights, false, false>(args, product);
    }
  };
  const auto complete = [](const RowPair& rows, std::int64_t panels, float* sums) {
    Transpose(rows.first, panels, sums, kBlockStride);
    Transpose(rows.second, panels, sums + kTileRows * kBlockStride, kBlockStride);
  };
  RunUnpacked(args, Weights::PanelBytes(args.k), panel_begin, panel_end, multiply, complete);
  Tiles::Release();
}

template <class Tiles, class Weights>
void RunBF16(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  if (args.rows > kFewRowsOfTiles) return RunManyRows<Tiles, Weights>(args, panel_begin, panel_end);
  constexpr decltype(&RunManyRows<Tiles, Weights>) kRun[kFewTiles] = {
      RunFewRows<Tiles, Weights, 1>, RunFewRows<Tiles, Weights, 2>, RunFewRows<Tiles, Weights, 3>,
      RunFewRows<Tiles, Weights, 4>};
  kRun[(args.rows - 1) / kTileRows](args, panel_begin, panel_end);
}

}  // namespace
}  // namespace strata::kernels
