// Inside the files that multiply by tiles only: how tiles are configured.
#pragma once

#include <cstdint>

namespace strata::kernels {
namespace {

constexpr int kTiles = 8;
constexpr std::int64_t kTileRows = 16;   // the most that a tile has
constexpr std::int64_t kTileBytes = 64;  // the most that a row of it has

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

}  // namespace
}  // namespace strata::kernels
