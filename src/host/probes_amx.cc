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

// `rounds` times a product into each of tiles 0 to 5, of 6 and 7, whose rows have `width` values in 4 bytes.
template <class Products>
double RunTiles(std::int64_t rounds, int width, const Products& products) {
  constexpr double kSums = 6, kProductOps = 16 * 16 * 16 * 2;
  const WholeTiles config;
  _tile_loadconfig(&config);  // and all of them are zero
  for (std::int64_t i = 0; i < rounds; ++i) products();
  _tile_release();
  return static_cast<double>(rounds) * kSums * kProductOps * width;
}

}  // namespace

double Int8Amx(std::int64_t rounds) {
  return RunTiles(rounds, 4, [] {
    _tile_dpbsud(0, 6, 7);
    _tile_dpbsud(1, 6, 7);
    _tile_dpbsud(2, 6, 7);
    _tile_dpbsud(3, 6, 7);
    _tile_dpbsud(4, 6, 7);
    _tile_dpbsud(5, 6, 7);
  });
}

double Bf16Amx(std::int64_t rounds) {
  return RunTiles(rounds, 2, [] {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  });
}

}  // namespace strata::host
