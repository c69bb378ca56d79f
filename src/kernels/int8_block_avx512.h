// Inside the AVX-512 int8 linears: the loop for many rows. Two panels by some groups of k are unpacked into scratch
// that stays in L1, then every tile of up to six rows passes over them with its integer and f32 sums in registers (24
// zmm). A broadcast activation serves both panels: with one panel a tile asks as many loads as multiplications, which
// is all that the ports give. The tile knows nothing of formats: quants are unpacked to what it multiplies.
#pragma once

#include <immintrin.h>

#include "kernels/int8_weights_avx512.h"

namespace strata::kernels {
namespace {

constexpr int kTileRows = 6;
constexpr std::int64_t kBlockRows = 256;
constexpr std::int64_t kBlockPanels = 8;
constexpr std::int64_t kBlockGroups = 16;

// Two panels: [panel][group] of quants, as 8 quads of bytes or 16 pairs of words, and of scales.
template <int kPlanes, int kHalves>
struct alignas(64) UnpackedPair {
  static constexpr std::int64_t kGroupBytes = 512 * kPlanes;
  std::byte quants[2][kBlockGroups * kGroupBytes];
  float scales[2][kBlockGroups * kHalves * kPanel];
  float mins[2][kBlockGroups * kHalves * kPanel];
};

// Words are signed, their zero point is taken off here; bytes stay unsigned.
template <Int8Format kFormat, int kPlanes>
void Unpack(const std::byte* panel, const Int8Panel& layout, std::int64_t group0, std::int64_t groups, int side,
            UnpackedPair<kPlanes, kFormat.halves>& pair) {
  const __m512i first = _mm512_set1_epi32(static_cast<int>(0x80018000));
  const __m512i second = _mm512_set1_epi32(static_cast<int>(0x80038002));
  // vpshufb counts within lanes of 16 bytes.
  const __m512i lane = _mm512_set4_epi32(0x000c000c, 0x00080008, 0x00040004, 0);
  for (std::int64_t g = 0; g < groups; ++g) {
    PrefetchGroup<kFormat>(panel + 2 * layout.bytes, layout, group0 + g);  // of the pair after this one
    WeightGroup<kFormat> weights;
    weights.Load(panel, layout, group0 + g);
    std::byte* out = pair.quants[side] + g * pair.kGroupBytes;
    for (int j = 0; j < 8; ++j) {
      if constexpr (kPlanes == 1) {
        _mm512_store_si512(out + 64 * j, weights.quads[j]);
      } else {
        const __m512i zero = _mm512_set1_epi16(kFormat.zero);
        const __m512i low = _mm512_shuffle_epi8(weights.quads[j], _mm512_add_epi8(first, lane));
        const __m512i high = _mm512_shuffle_epi8(weights.quads[j], _mm512_add_epi8(second, lane));
        _mm512_store_si512(out + 128 * j, _mm512_sub_epi16(low, zero));
        _mm512_store_si512(out + 128 * j + 64, _mm512_sub_epi16(high, zero));
      }
    }
    for (int h = 0; h < kFormat.halves; ++h) {
      const std::int64_t at = (g * kFormat.halves + h) * kPanel;
      _mm512_store_ps(pair.scales[side] + at, weights.scale[h]);
      if constexpr (kFormat.stored_min) _mm512_store_ps(pair.mins[side] + at, weights.min[h]);
    }
  }
}

template <int kPlanes>
inline __m512i MultiplyAdd(__m512i sum, __m512i weights, __m512i activations) {
  if constexpr (kPlanes == 1) return _mm512_dpbusd_epi32(sum, weights, activations);
  // The intrinsic becomes vpmaddwd and vpaddd, for latency's sake (clang 19): twice the work where throughput counts.
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(activations));
  return sum;
}

// Adds `groups` groups to rows [0, kRows) of acc, two panels wide, or begins with them. `row` is the first of these
// groups of the first row.
template <int kPlanes, int kHalves, bool kMin, int kZero, int kRows>
void Tile(const std::byte* row, std::int64_t row_bytes, const UnpackedPair<kPlanes, kHalves>& pair, std::int64_t groups,
          bool begin, float* acc, std::int64_t acc_stride) {
  // Three rows to a pointer: base, base + stride, base + 2 stride are addressing modes.
  const std::byte* base[(kRows + 2) / 3];
  for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] = row + 3 * i * row_bytes;
  const auto at = [&](int r) { return base[r / 3] + r % 3 * row_bytes; };

  __m512 sums[kRows][2];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < 2; ++c) {
      sums[r][c] = begin ? _mm512_setzero_ps() : _mm512_load_ps(acc + r * acc_stride + c * kPanel);
    }
  }
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::byte* quants = pair.quants[0] + g * pair.kGroupBytes;
    const auto tail = [&](int r) { return reinterpret_cast<const Int8GroupTail*>(at(r) + kPlanes * kGroup); };
    for (int h = 0; h < kHalves; ++h) {
      __m512i dots[kRows][2];
      for (int r = 0; r < kRows; ++r) {
        dots[r][0] = _mm512_setzero_si512();
        if constexpr (kPlanes == 1 && kZero != 0) {
          dots[r][0] = _mm512_slli_epi32(_mm512_set1_epi32(tail(r)->NegativeSum(h, kHalves)), __builtin_ctz(kZero));
        }
        dots[r][1] = dots[r][0];
      }
      constexpr int kSteps = 8 * kPlanes / kHalves;
#pragma clang loop unroll_count(4)
      for (int j = kSteps * h; j < kSteps * (h + 1); ++j) {
        const __m512i left = _mm512_load_si512(quants + 64 * j);
        const __m512i right = _mm512_load_si512(quants + sizeof(pair.quants[0]) + 64 * j);
        for (int r = 0; r < kRows; ++r) {
          __m512i activations = _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(at(r) + 4 * j));
          __asm__("" : "+v"(activations));  // one broadcast for both, not an operand in memory of each
          dots[r][0] = MultiplyAdd<kPlanes>(dots[r][0], left, activations);
          dots[r][1] = MultiplyAdd<kPlanes>(dots[r][1], right, activations);
        }
      }
      for (int c = 0; c < 2; ++c) {
        const std::int64_t place = (g * kHalves + h) * kPanel;
        const __m512 scale = _mm512_load_ps(pair.scales[c] + place);
        for (int r = 0; r < kRows; ++r) {
          sums[r][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][c]),
                                       _mm512_mul_ps(scale, _mm512_set1_ps(tail(r)->scale)), sums[r][c]);
          if constexpr (kMin) {
            sums[r][c] = _mm512_fmadd_ps(_mm512_load_ps(pair.mins[c] + place),
                                         _mm512_set1_ps(tail(r)->ScaledSum(h, kHalves)), sums[r][c]);
          }
        }
      }
    }
    for (const std::byte*& pointer : base) pointer += Int8GroupBytes(kPlanes);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < 2; ++c) _mm512_store_ps(acc + r * acc_stride + c * kPanel, sums[r][c]);
  }
}

template <int kPlanes, int kHalves, bool kMin, int kZero>
constexpr decltype(&Tile<kPlanes, kHalves, kMin, kZero, 1>) kTiles[kTileRows] = {
    Tile<kPlanes, kHalves, kMin, kZero, 1>, Tile<kPlanes, kHalves, kMin, kZero, 2>,
    Tile<kPlanes, kHalves, kMin, kZero, 3>, Tile<kPlanes, kHalves, kMin, kZero, 4>,
    Tile<kPlanes, kHalves, kMin, kZero, 5>, Tile<kPlanes, kHalves, kMin, kZero, 6>};

// Rows [row0, row0 + rows) of panels [panel0, panel0 + panels) into acc, whose rows are kBlockPanels panels wide.
template <Int8Format kFormat, int kPlanes>
void ManyRows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels,
              float* acc) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  constexpr int kZero = kPlanes == 2 ? 0 : kFormat.zero;
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::byte* const weights = args.weights + panel0 * layout.bytes;
  const std::int64_t row_bytes = Int8RowBytes(kPlanes, args.k);
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const std::int64_t all = args.k / kGroup;
  UnpackedPair<kPlanes, kFormat.halves> pair;
  for (std::int64_t group0 = 0; group0 < all; group0 += kBlockGroups) {
    const std::int64_t groups = all - group0 < kBlockGroups ? all - group0 : kBlockGroups;
    for (std::int64_t p = 0; p < panels; p += 2) {
      // The neighbour of a last odd panel is itself: acc has the room, nobody reads it.
      const std::int64_t next = p + 1 < panels ? p + 1 : p;
      Unpack<kFormat>(weights + p * layout.bytes, layout, group0, groups, 0, pair);
      Unpack<kFormat>(weights + next * layout.bytes, layout, group0, groups, 1, pair);
      for (std::int64_t t = 0; t < tiles; ++t) {  // of sizes as even as can be
        const std::int64_t r = rows * t / tiles;
        const std::int64_t count = rows * (t + 1) / tiles - r;
        if (p == 0 && group0 + groups == all) FetchForFinish(*args.epilogue, row0 + r, count, panel0, panels);
        const std::byte* row = args.activations + (row0 + r) * row_bytes + group0 * Int8GroupBytes(kPlanes);
        kTiles<kPlanes, kFormat.halves, kFormat.stored_min, kZero>[count - 1](row, row_bytes, pair, groups, group0 == 0,
                                                                              acc + r * kStride + p * kPanel, kStride);
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernels
