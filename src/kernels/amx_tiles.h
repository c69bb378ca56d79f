// Inside the AMX files only: the processor's tiles. (Their numbers must be constants.) Semantics: Intel SDM, volume 2,
// LDTILECFG, TILELOADD, TDPBF16PS, TDPBSUD.
#pragma once

#include <cstdint>

#include <immintrin.h>

#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

struct AmxTiles {
  /// All tiles have undefined contents afterwards.
  static void Configure(const TileConfig& config) { _tile_loadconfig(&config); }
  static void Release() { _tile_release(); }

  template <int kTile>
  static void Zero() {
    _tile_zero(kTile);
  }
  template <int kTile>
  static void Load(const void* rows, std::int64_t stride) {
    _tile_loadd(kTile, rows, stride);
  }
  template <int kTile>
  static void Store(void* rows, std::int64_t stride) {
    _tile_stored(kTile, rows, stride);
  }
  /// kSums, f32 [m][n], += kLeft, bf16 [m][k][2], times kRight, bf16 [k][n][2].
  template <int kSums, int kLeft, int kRight>
  static void AddDots() {
    _tile_dpbf16ps(kSums, kLeft, kRight);
  }
  /// kSums, int32 [m][n], += kLeft, int8 [m][k][4], times kRight, uint8 [k][n][4].
  template <int kSums, int kLeft, int kRight>
  static void AddByteDots() {
    _tile_dpbsud(kSums, kLeft, kRight);
  }
};

}  // namespace
}  // namespace strata::kernels
