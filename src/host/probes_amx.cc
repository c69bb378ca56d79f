#include <immintrin.h>

#include "host/probes.h"

namespace strata::host {
namespace {

// What LDTILECFG reads (Intel SDM, volume 2): eight whole tiles.
struct alignas(64) WholeTiles {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr double kSums = 6;  // tiles 0 to 5; 6 and 7 are multiplied
constexpr double kProducts = 16 * 16 * 16 * 2;

}  // namespace

double Int8Amx(std::int64_t rounds) {
  const WholeTiles config;
  _tile_loadconfig(&config);  // and all of them are zero
  for (std::int64_t i = 0; i < rounds; ++i) {
    _tile_dpbsud(0, 6, 7);
    _tile_dpbsud(1, 6, 7);
    _tile_dpbsud(2, 6, 7);
    _tile_dpbsud(3, 6, 7);
    _tile_dpbsud(4, 6, 7);
    _tile_dpbsud(5, 6, 7);
  }
  _tile_release();
  return static_cast<double>(rounds) * kSums * kProducts * 4;
}

double Bf16Amx(std::int64_t rounds) {
  const WholeTiles config;
  _tile_loadconfig(&config);
  for (std::int64_t i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
  return static_cast<double>(rounds) * kSums * kProducts * 2;
}

}  // namespace strata::host
