// For tests: AMX tiles in software, for processors without them. A use that the processor would refuse (an invalid
// configuration, a tile that has none, shapes that do not fit) ends the program.
//
// AddDots follows the SDM's operation of TDPBF16PS: of each pair of k the first go to one chain of fused multiply-adds,
// the second to another, both begin at zero and are added to each other and then to the sum; every result is rounded to
// nearest even and denormals count as zero, in and out. Not followed: the sign of a flushed zero, and whether a result
// is tiny before or after rounding.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <immintrin.h>

#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

class EmulatedTiles {
 public:
  static void Configure(const TileConfig& config) {
    Require(config.palette == 1 && config.start_row == 0);
    for (int tile = 0; tile < 16; ++tile) {
      Require(config.rows[tile] <= (tile < kTiles ? 16 : 0) && config.row_bytes[tile] <= (tile < kTiles ? 64 : 0));
      Require((config.rows[tile] == 0) == (config.row_bytes[tile] == 0));
    }
    state_ = {.config = config};
  }
  static void Release() { state_ = {}; }

  template <int kTile>
  static void Zero() {
    Require(Rows(kTile) > 0);
    std::memset(state_.data[kTile], 0, sizeof(state_.data[kTile]));
  }
  template <int kTile>
  static void Load(const void* rows, std::int64_t stride) {
    Zero<kTile>();
    for (int r = 0; r < Rows(kTile); ++r) {
      std::memcpy(state_.data[kTile][r], static_cast<const std::byte*>(rows) + r * stride, RowBytes(kTile));
    }
  }
  template <int kTile>
  static void Store(void* rows, std::int64_t stride) {
    Require(Rows(kTile) > 0);
    for (int r = 0; r < Rows(kTile); ++r) {
      std::memcpy(static_cast<std::byte*>(rows) + r * stride, state_.data[kTile][r], RowBytes(kTile));
    }
  }
  template <int kSums, int kLeft, int kRight>
  static void AddDots() {
    RequireProduct(kSums, kLeft, kRight);
    for (int m = 0; m < Rows(kSums); ++m) {
      __m512 first = _mm512_setzero_ps();
      __m512 second = _mm512_setzero_ps();
      for (int k = 0; k < Rows(kRight); ++k) {
        std::int32_t pair;
        std::memcpy(&pair, state_.data[kLeft][m] + 4 * k, sizeof(pair));
        const __m512i left = _mm512_set1_epi32(pair);
        const __m512i right = _mm512_load_si512(state_.data[kRight][k]);
        first = NoDenormals(_mm512_fmadd_ps(First(left), First(right), first));
        second = NoDenormals(_mm512_fmadd_ps(Second(left), Second(right), second));
      }
      const __m512 dots = NoDenormals(_mm512_add_ps(first, second));
      const __m512 sums = NoDenormals(_mm512_load_ps(state_.data[kSums][m]));
      _mm512_store_ps(state_.data[kSums][m], NoDenormals(_mm512_add_ps(sums, dots)));
    }
  }

  template <int kSums, int kLeft, int kRight>
  static void AddByteDots() {
    RequireProduct(kSums, kLeft, kRight);
    for (int m = 0; m < Rows(kSums); ++m) {
      __m512i sums = _mm512_load_si512(state_.data[kSums][m]);
      for (int k = 0; k < Rows(kRight); ++k) {
        std::int32_t four;
        std::memcpy(&four, state_.data[kLeft][m] + 4 * k, sizeof(four));
        sums = _mm512_dpbusd_epi32(sums, _mm512_load_si512(state_.data[kRight][k]), _mm512_set1_epi32(four));
      }
      _mm512_store_si512(state_.data[kSums][m], sums);
    }
  }

 private:
  struct State {
    TileConfig config = {};
    alignas(64) std::byte data[kTiles][16][64] = {};
  };

  static void Require(bool condition) {
    if (!condition) std::abort();
  }
  static void RequireProduct(int sums, int left, int right) {
    Require(Rows(sums) > 0 && Rows(sums) == Rows(left));
    Require(RowBytes(left) == 4 * static_cast<std::size_t>(Rows(right)));
    Require(RowBytes(sums) == RowBytes(right));
  }
  static int Rows(int tile) { return state_.config.rows[tile]; }
  static std::size_t RowBytes(int tile) { return state_.config.row_bytes[tile]; }

  static __m512 NoDenormals(__m512 values) {
    const __m512 least = _mm512_set1_ps(std::numeric_limits<float>::min());
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(values), least, _CMP_NLT_UQ), values);
  }
  /// The first and the second bf16 of each pair, as f32.
  static __m512 First(__m512i pairs) { return NoDenormals(_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16))); }
  static __m512 Second(__m512i pairs) {
    return NoDenormals(_mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000)))));
  }

  static thread_local State state_;
};

thread_local EmulatedTiles::State EmulatedTiles::state_;

}  // namespace
}  // namespace strata::kernels
