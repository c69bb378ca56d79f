// W8A8 linears with vpdpbusd on zmm. Tiles of up to twelve rows by two panels keep all sums in registers over all of k:
// 24 products a step for two loads of weights and twelve broadcasts, so that the ports that multiply are what limits.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_w8a8.h"

namespace strata::kernels {
namespace {

constexpr int kTileRows = 12;
constexpr std::int64_t kBlockRows =
    4 * kTileRows;  // between two calls of the epilogue, whose tile stays in L2 at worst
constexpr std::int64_t kBlockPanels = 8;
constexpr std::int64_t kQuads = 4;  // of k, in one turn of the loop

// Rows [0, kRows) by panels [0, kPanels), which are panel_bytes apart. `ahead` bytes behind a line of weights is what
// is asked for when that line is read; 0: nothing.
template <int kRows, int kPanels>
void Tile(const std::byte* rows, std::int64_t row_bytes, const std::byte* panels, std::int64_t k, std::int64_t ahead,
          float* acc, std::int64_t acc_stride) {
  // Chains, so that few sums do not wait for each other: a product takes five cycles, two of them begin in one.
  constexpr int kChains = kRows * kPanels >= 8 ? 1 : kRows * kPanels >= 4 ? 2 : 4;
  const W8A8Panel layout = W8A8PanelLayout(k);
  // Three rows to a pointer: base, base + stride, base + 2 stride are addressing modes.
  const std::byte* base[(kRows + 2) / 3];
  for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] = rows + 3 * i * row_bytes;
  const auto at = [&](int r) { return base[r / 3] + r % 3 * row_bytes; };

  __m512i dots[kChains][kRows][kPanels];
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      dots[0][r][p] = _mm512_load_si512(panels + p * layout.bytes + layout.corrections);
      for (int c = 1; c < kChains; ++c) dots[c][r][p] = _mm512_setzero_si512();
    }
  }
  const std::byte* weights = panels;
  for (std::int64_t i = 0; i < k; i += 4 * kQuads, weights += 64 * kQuads) {
    if (ahead != 0) {
      for (int p = 0; p < kPanels; ++p) {
        for (int q = 0; q < kQuads; ++q) {
          _mm_prefetch(weights + p * layout.bytes + 64 * q + ahead, _MM_HINT_T1);
        }
      }
    }
#pragma clang loop unroll(full)
    for (int q = 0; q < kQuads; ++q) {
      __m512i quads[kPanels];
      for (int p = 0; p < kPanels; ++p) quads[p] = _mm512_load_si512(weights + p * layout.bytes + 64 * q);
#pragma clang loop unroll(full)
      for (int r = 0; r < kRows; ++r) {
        std::int32_t four;
        std::memcpy(&four, at(r) + 4 * q, sizeof four);
        const __m512i inputs = _mm512_set1_epi32(four);
        for (int p = 0; p < kPanels; ++p) {
          dots[q % kChains][r][p] = _mm512_dpbusd_epi32(dots[q % kChains][r][p], inputs, quads[p]);
        }
      }
    }
    for (const std::byte*& pointer : base) pointer += 4 * kQuads;
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
    float scale;  // behind the quants, where the pointers are now
    std::memcpy(&scale, at(r), sizeof scale);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 1; c < kChains; ++c) dots[0][r][p] = _mm512_add_epi32(dots[0][r][p], dots[c][r][p]);
      const __m512 scales = _mm512_load_ps(panels + p * layout.bytes + layout.scales);
      _mm512_store_ps(acc + r * acc_stride + p * kPanel,
                      _mm512_mul_ps(_mm512_cvtepi32_ps(dots[0][r][p]), _mm512_mul_ps(scales, _mm512_set1_ps(scale))));
    }
  }
}

template <int kPanels>
constexpr decltype(&Tile<1, kPanels>) kTiles[kTileRows] = {
    Tile<1, kPanels>, Tile<2, kPanels>, Tile<3, kPanels>, Tile<4, kPanels>,  Tile<5, kPanels>,  Tile<6, kPanels>,
    Tile<7, kPanels>, Tile<8, kPanels>, Tile<9, kPanels>, Tile<10, kPanels>, Tile<11, kPanels>, Tile<12, kPanels>};

// In a stream of weights from memory; measured.
constexpr std::int64_t kStreamAhead = 2048;

// Rows [row0, row0 + rows) by panels [0, panels) of `weights` into acc, in tiles of sizes as even as can be.
void Block(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* weights, std::int64_t panels,
           float* acc) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  const std::int64_t panel_bytes = W8A8PanelLayout(args.k).bytes, row_bytes = W8A8RowBytes(args.k);
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t p = 0; p < panels; p += 2) {
    const bool pair = p + 1 < panels;
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t r = rows * t / tiles;
      const std::int64_t count = rows * (t + 1) / tiles - r;
      // The first tile of a pair asks for the next pair while it computes, or where it is alone for what is near.
      const std::int64_t ahead = t > 0 || row0 > 0 ? 0 : tiles == 1 ? kStreamAhead : 2 * panel_bytes;
      (pair ? kTiles<2> : kTiles<1>)[count - 1](args.activations + (row0 + r) * row_bytes, row_bytes,
                                                weights + p * panel_bytes, args.k, ahead,
                                                acc + r * kStride + p * kPanel, kStride);
    }
  }
}

// Sixteen inputs.
struct PlainRow {
  const float* in;
  __m512 At(std::int64_t i) const { return _mm512_loadu_ps(in + i); }
};
struct NormedRow {
  const float* in;
  const float* weight;
  __m512 factor;
  __m512 At(std::int64_t i) const {
    return _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(in + i), factor), _mm512_loadu_ps(weight + i));
  }
};

// Quants of inputs [i, i + 16 kVectors) and, where these are fewer, of zeros up to i + 64.
template <int kVectors, class From>
inline __m512i Quants(const From& from, std::int64_t i, float scale, __m512 inverse) {
  __m512 x[kVectors];
  __m512i quants[4] = {};
  __m512 most = _mm512_setzero_ps();  // that rounding takes off
  for (int j = 0; j < kVectors; ++j) {
    x[j] = from.At(i + 16 * j);
    const __m512 product = _mm512_mul_ps(x[j], inverse);
    quants[j] = _mm512_cvtps_epi32(product);
    const __m512 rest = _mm512_reduce_ps(product, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    most = _mm512_max_ps(most, _mm512_abs_ps(rest));
  }
  if (_mm512_cmp_ps_mask(most, _mm512_set1_ps(kSurelyRounded), _CMP_GT_OQ) != 0) [[unlikely]] {
    for (int j = 0; j < kVectors; ++j) quants[j] = _mm512_cvtps_epi32(_mm512_div_ps(x[j], _mm512_set1_ps(scale)));
  }
  // Held to -128..127. Packs go by lanes of 16 bytes: the order brings the dwords of the four vectors back into theirs.
  const __m512i bytes =
      _mm512_packs_epi16(_mm512_packs_epi32(quants[0], quants[1]), _mm512_packs_epi32(quants[2], quants[3]));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, bytes);
}

// k is a multiple of 32; a last store of zeros behind it stays inside the row.
template <class From>
void PrepareRow(const From& from, std::int64_t k, std::byte* row) {
  __m512 max[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (std::int64_t i = 0; i < k; i += 32) {
    for (int j = 0; j < 2; ++j) max[j] = _mm512_max_ps(max[j], _mm512_abs_ps(from.At(i + 16 * j)));
  }
  const float scale = _mm512_reduce_max_ps(_mm512_max_ps(max[0], max[1])) / kW8A8Range;
  const __m512 inverse = _mm512_set1_ps(scale > kTinyW8A8Scale ? 1.0f / scale : 0.0f);
  const __m512i to_unsigned = _mm512_set1_epi8(-128);
  std::int64_t i = 0;
  for (; i + 64 <= k; i += 64) {
    _mm512_storeu_si512(row + i, _mm512_xor_si512(Quants<4>(from, i, scale, inverse), to_unsigned));
  }
  if (i < k) _mm512_storeu_si512(row + i, _mm512_xor_si512(Quants<2>(from, i, scale, inverse), to_unsigned));
  std::memcpy(row + k, &scale, sizeof scale);
}

}  // namespace

void PrepareW8A8Avx512(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* row = args.out + r * W8A8RowBytes(args.k);
    args.norm_weight != nullptr
        ? PrepareRow(NormedRow{in, args.norm_weight, _mm512_set1_ps(RmsFactor(in, args.k, args.norm_eps))}, args.k, row)
        : PrepareRow(PlainRow{in}, args.k, row);
  }
}

void RunW8A8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kBlockRows * kBlockPanels * kPanel];
  const std::int64_t panel_bytes = W8A8PanelLayout(args.k).bytes;
  const std::int64_t step = kBlockPanels / args.epilogue->parts * args.epilogue->parts;
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
    for (std::int64_t row0 = 0; row0 < args.rows; row0 += kBlockRows) {
      const std::int64_t rows = args.rows - row0 < kBlockRows ? args.rows - row0 : kBlockRows;
      Block(args, row0, rows, args.weights + panel0 * panel_bytes, panels, acc);
      Finish(*args.epilogue, acc, kBlockPanels * kPanel, row0, rows, panel0, panels);
    }
  }
}

}  // namespace strata::kernels
