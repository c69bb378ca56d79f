// W8A8 linears with vpdpbusd on zmm. Tiles of up to twelve rows by two panels keep all sums in registers over all of k:
// 24 products a step for two loads of weights and twelve broadcasts, so that the ports that multiply are what limits.
#include <cstddef>
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
// is asked for when that line is read; 0: nothing. Between groups of inputs the sums wait in memory: those of a group
// of weights, scaled by the inputs' scales, beside those of the groups before it in `acc`.
template <std::int64_t kGroup, int kRows, int kPanels>
void Tile(const std::byte* rows, const std::byte* panels, std::int64_t k, std::int64_t ahead, float* acc,
          std::int64_t acc_stride) {
  // Chains, so that few sums do not wait for each other: a product takes five cycles, two of them begin in one.
  constexpr int kChains = kRows * kPanels >= 8 ? 1 : kRows * kPanels >= 4 ? 2 : 4;
  const W8A8Panel layout = W8A8PanelLayout<kGroup>(k);
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 1>(k), group = GroupSize<kGroup>(k);
  const std::int64_t weight_group = WeightGroupSize<kGroup>(k);
  __m512 scaled[kRows][kPanels];
  const std::byte* weight_scales = panels + layout.scales;
  // Three rows to a pointer: base, base + stride, base + 2 stride are addressing modes.
  const std::byte* base[(kRows + 2) / 3];
  for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] = rows + 3 * i * row_bytes;
  const auto at = [&](int r) { return base[r / 3] + r % 3 * row_bytes; };
  const std::byte* weights = panels;
  const std::byte* group_scale = rows + k;
  for (std::int64_t begin = 0; begin < k; begin += group, group_scale += sizeof(GroupScale)) {
    __m512i dots[kChains][kRows][kPanels];
#pragma clang loop unroll(full)
    for (int r = 0; r < kRows; ++r) {
      std::int32_t correction;
      std::memcpy(&correction, group_scale + r * row_bytes + offsetof(GroupScale, correction), sizeof correction);
      for (int p = 0; p < kPanels; ++p) {
        dots[0][r][p] = _mm512_set1_epi32(correction);
        for (int c = 1; c < kChains; ++c) dots[c][r][p] = _mm512_setzero_si512();
      }
    }
    const std::int64_t end = begin + group < k ? begin + group : k;
    const bool first = begin % weight_group == 0, last = EndsWeightGroup<kGroup>(end, k);
    for (std::int64_t i = begin; i < end; i += 4 * kQuads, weights += 64 * kQuads) {
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
            dots[q % kChains][r][p] = _mm512_dpbusd_epi32(dots[q % kChains][r][p], quads[p], inputs);
          }
        }
      }
      for (const std::byte*& pointer : base) pointer += 4 * kQuads;
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < kRows; ++r) {
      float scale;
      std::memcpy(&scale, group_scale + r * row_bytes + offsetof(GroupScale, scale), sizeof scale);
      for (int p = 0; p < kPanels; ++p) {
        for (int c = 1; c < kChains; ++c) dots[0][r][p] = _mm512_add_epi32(dots[0][r][p], dots[c][r][p]);
        const __m512 before = first ? _mm512_setzero_ps() : scaled[r][p];
        scaled[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[0][r][p]), _mm512_set1_ps(scale), before);
        if (!last) continue;
        float* const sums = acc + r * acc_stride + p * kPanel;
        const __m512 others = begin < weight_group ? _mm512_setzero_ps() : _mm512_load_ps(sums);
        const __m512 of_weights = _mm512_load_ps(weight_scales + p * layout.bytes);
        _mm512_store_ps(sums, _mm512_fmadd_ps(scaled[r][p], of_weights, others));
      }
    }
    if (last) weight_scales += kPanel * sizeof(float);
  }
}

template <std::int64_t kGroup, int kPanels>
constexpr decltype(&Tile<kGroup, 1, kPanels>) kTiles[kTileRows] = {
    Tile<kGroup, 1, kPanels>, Tile<kGroup, 2, kPanels>,  Tile<kGroup, 3, kPanels>,  Tile<kGroup, 4, kPanels>,
    Tile<kGroup, 5, kPanels>, Tile<kGroup, 6, kPanels>,  Tile<kGroup, 7, kPanels>,  Tile<kGroup, 8, kPanels>,
    Tile<kGroup, 9, kPanels>, Tile<kGroup, 10, kPanels>, Tile<kGroup, 11, kPanels>, Tile<kGroup, 12, kPanels>};

// In a stream of weights from memory; measured.
constexpr std::int64_t kStreamAhead = 2048;

// Rows [row0, row0 + rows) by panels [panel0, panel0 + panels) into acc, in tiles of sizes as even as can be.
template <std::int64_t kGroup>
void Block(const LinearArgs& args, std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels,
           float* acc) {
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  const std::int64_t panel_bytes = W8A8PanelLayout<kGroup>(args.k).bytes, row_bytes = W8A8RowBytes<kGroup, 1>(args.k);
  const std::byte* const weights = args.weights + panel0 * panel_bytes;
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t p = 0; p < panels; p += 2) {
    const bool pair = p + 1 < panels;
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t r = rows * t / tiles;
      const std::int64_t count = rows * (t + 1) / tiles - r;
      if (p + 2 >= panels) FetchForFinish(*args.epilogue, row0 + r, count, panel0, panels);
      // The first tile of a pair asks for the next pair while it computes, or where it is alone for what is near.
      const std::int64_t ahead = t > 0 || row0 > 0 ? 0 : tiles == 1 ? kStreamAhead : 2 * panel_bytes;
      (pair ? kTiles<kGroup, 2> : kTiles<kGroup, 1>)[count - 1](args.activations + (row0 + r) * row_bytes,
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

// Quants of inputs [i, i + 16 kVectors) and, where these are fewer, zeros up to i + 64.
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

// Inputs [begin, end), multiples of 32.
template <class From>
GroupScale PrepareGroup(const From& from, std::int64_t begin, std::int64_t end, std::byte* row) {
  __m512 max[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (std::int64_t i = begin; i < end; i += 32) {
    for (int j = 0; j < 2; ++j) max[j] = _mm512_max_ps(max[j], _mm512_abs_ps(from.At(i + 16 * j)));
  }
  const float scale = _mm512_reduce_max_ps(_mm512_max_ps(max[0], max[1])) / kW8A8Range;
  const __m512 inverse = _mm512_set1_ps(scale > kTinyW8A8Scale ? 1.0f / scale : 0.0f);
  __m512i sum = _mm512_setzero_si512();
  for (std::int64_t i = begin; i < end; i += 64) {
    const bool whole = i + 64 <= end;
    const __m512i quants = whole ? Quants<4>(from, i, scale, inverse) : Quants<2>(from, i, scale, inverse);
    sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), quants);
    if (whole) {
      _mm512_storeu_si512(row + i, quants);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + i), _mm512_castsi512_si256(quants));
    }
  }
  // May wrap round, as the sums that it corrects.
  return {scale, static_cast<std::int32_t>(0U - 128U * static_cast<std::uint32_t>(_mm512_reduce_add_epi32(sum)))};
}

template <std::int64_t kGroup, class From>
void PrepareRow(const From& from, std::int64_t k, std::byte* row) {
  const std::int64_t group = GroupSize<kGroup>(k);
  std::byte* scale_at = row + k;
  for (std::int64_t begin = 0; begin < k; begin += group, scale_at += sizeof(GroupScale)) {
    const std::int64_t end = begin + group < k ? begin + group : k;
    const GroupScale scale = PrepareGroup(from, begin, end, row);
    std::memcpy(scale_at, &scale, sizeof scale);
  }
}

}  // namespace

template <std::int64_t kGroup>
void PrepareW8A8Avx512(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* row = args.out + r * W8A8RowBytes<kGroup, 1>(args.k);
    if (args.norm_weight != nullptr) {
      const __m512 factor = _mm512_set1_ps(RmsFactor(in, args.k, args.norm_eps));
      PrepareRow<kGroup>(NormedRow{in, args.norm_weight, factor}, args.k, row);
    } else {
      PrepareRow<kGroup>(PlainRow{in}, args.k, row);
    }
  }
}

template <std::int64_t kGroup>
void RunW8A8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByBlocks<kBlockRows, kBlockPanels>(
      args, panel_begin, panel_end,
      [&](std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels, float* acc) {
        Block<kGroup>(args, row0, rows, panel0, panels, acc);
      });
}

template void PrepareW8A8Avx512<0>(const PrepareArgs&);
template void PrepareW8A8Avx512<kInputGroup>(const PrepareArgs&);
template void RunW8A8Avx512Vnni<0>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunW8A8Avx512Vnni<kInputGroup>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
