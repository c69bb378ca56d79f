// Inside the files that multiply by tiles only: how tiles are configured.
#pragma once

#include <cstdint>
#include <utility>

namespace strata::kernels {
namespace {

constexpr int kTiles = 8;
constexpr std::int64_t kTileRows = 16;   // the most that a tile has
constexpr std::int64_t kTileBytes = 64;  // the most that a row of it has

/// work.operator()<0>(), <1>() and so on: tiles' numbers are constants.
template <int kCount, class Work>
void ForTiles(const Work& work) {
  [&]<int... kTile>(std::integer_sequence<int, kTile...>) {
    (work.template operator()<kTile>(), ...);
  }(std::make_integer_sequence<int, kCount>{});
}

/// Rows of two tiles; the second may have none.
struct RowPair {
  std::int64_t first, second;
  bool operator==(const RowPair&) const = default;

  /// Of up to 2 kTileRows.
  static RowPair Of(std::int64_t rows) {
    return rows <= kTileRows ? RowPair{rows, 0} : RowPair{kTileRows, rows - kTileRows};
  }
};

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

/// Sums of the first rows' two panels in tiles 0 and 1, of the second's in 2 and 3; rows in 4 and 5; panels in 6 and 7.
inline TileConfig ConfigOf(const RowPair& rows) {
  TileConfig config;
  for (int tile = 0; tile < kTiles; ++tile) {
    const bool second = tile == 2 || tile == 3 || tile == 5;
    const std::int64_t of_rows = second && rows.second > 0 ? rows.second : rows.first;
    config.rows[tile] = static_cast<std::uint8_t>(tile >= 6 ? kTileRows : of_rows);
    config.row_bytes[tile] = kTileBytes;
  }
  return config;
}

}  // namespace
}  // namespace strata::kernels
