// Int8 linears with vpdpbusd and vpdpwssd on zmm. Few rows: a panel streams by once with all its sums in registers.
// Many rows: strips of few, or the tiles of int8_block_avx512.h.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/int8_block_avx512.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kFewPanels = 16;
// Quants ahead of the group in use, into L1 and before that into L2; measured, the former flat from 2 to 4 KiB.
constexpr std::int64_t kNear = 3072, kFar = 11264;

inline __m512i Quad(const std::int8_t* quants) {
  std::int32_t four;
  std::memcpy(&four, quants, sizeof(four));
  return _mm512_set1_epi32(four);
}

// Adds one group's part of one row.
template <Int8Format kFormat, int kPlanes>
inline __m512 Accumulate(const WeightGroup<kFormat>& weights, Int8Group<kPlanes> row, __m512 sum) {
  constexpr int kHalves = kFormat.halves;
  const Int8GroupTail& tail = row.tail();
  for (int h = 0; h < kHalves; ++h) {
    const int begin = 8 / kHalves * h;
    const int end = begin + 8 / kHalves;
    __m512i first = _mm512_setzero_si512();
    // Exact: a constant zero point is taken off in integers.
    if constexpr (kFormat.zero != 0) first = _mm512_set1_epi32(kFormat.zero * tail.NegativeSum(h, kHalves));
    __m512i second = _mm512_setzero_si512();
    if constexpr (kPlanes == 1) {  // two chains, because few rows leave little else to overlap
      for (int j = begin; j < end; j += 2) {
        first = _mm512_dpbusd_epi32(first, weights.quads[j], Quad(row.plane(0) + 4 * j));
        second = _mm512_dpbusd_epi32(second, weights.quads[j + 1], Quad(row.plane(0) + 4 * j + 4));
      }
    } else {
      for (int j = begin; j < end; ++j) {
        second = _mm512_dpbusd_epi32(second, weights.quads[j], Quad(row.plane(0) + 4 * j));
        first = _mm512_dpbusd_epi32(first, weights.quads[j], Quad(row.plane(1) + 4 * j));
      }
      second = _mm512_slli_epi32(second, kHighShift);
    }
    const __m512 dot = _mm512_cvtepi32_ps(_mm512_add_epi32(first, second));
    sum = _mm512_fmadd_ps(dot, _mm512_mul_ps(weights.scale[h], _mm512_set1_ps(tail.scale)), sum);
    if constexpr (kFormat.stored_min) {
      sum = _mm512_fmadd_ps(weights.min[h], _mm512_set1_ps(tail.ScaledSum(h, kHalves)), sum);
    }
  }
  return sum;
}

// Asks for quants soon wanted, and for the scales that the next panel has where this one has those of group g: they lie
// far behind its quants, and come too late once its first group wants them.
template <Int8Format kFormat>
inline void PrefetchAhead(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
  const std::byte* const next = panel + layout.bytes;
  const auto ahead = [&](std::int64_t bytes) {
    const std::int64_t at = g * QuantBytes(kFormat) + bytes;
    return at < layout.scales ? panel + at : next + (at - layout.scales);
  };
  const std::byte* const near = ahead(kNear);
  for (std::int64_t line = 0; line < QuantBytes(kFormat); line += 64) _mm_prefetch(near + line, _MM_HINT_T0);
  const std::byte* const far = ahead(kFar);
  for (std::int64_t line = 0; line < QuantBytes(kFormat); line += 64) _mm_prefetch(far + line, _MM_HINT_T1);
  const std::int64_t scales = ScaleOffset(kFormat, g, 0);
  for (std::int64_t line = 0; line < ScaleBytes(kFormat); line += 64) {
    _mm_prefetch(next + layout.scales + scales + line, _MM_HINT_T0);
    if constexpr (kFormat.stored_min) _mm_prefetch(next + layout.mins + scales + line, _MM_HINT_T0);
  }
  if constexpr (SharedBytes(kFormat) > 0) {
    _mm_prefetch(next + layout.shared + SharedOffset(kFormat, g), _MM_HINT_T0);
  }
}

// Rows [row0, row0 + kRows) of one panel; acc is [kRows][acc_stride].
template <Int8Format kFormat, int kPlanes, int kRows>
void FewRows(const LinearArgs& args, std::int64_t row0, const std::byte* panel, float* acc, std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::int64_t row_bytes = Int8RowBytes(kPlanes, args.k);
  const std::byte* row = args.activations + row0 * row_bytes;
  __m512 sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_ps();
  const std::int64_t groups = args.k / kGroup;
  for (std::int64_t g = 0; g < groups; ++g) {
    PrefetchAhead<kFormat>(panel, layout, g);
    WeightGroup<kFormat> weights;
    weights.Load(panel, layout, g);
    for (int r = 0; r < kRows; ++r) {
      sums[r] = Accumulate<kFormat, kPlanes>(weights, {row + r * row_bytes}, sums[r]);
    }
    row += Int8GroupBytes(kPlanes);
  }
  for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(acc + r * acc_stride, sums[r]);
}

template <Int8Format kFormat, int kPlanes>
void FewRows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc,
             std::int64_t acc_stride) {
  switch (rows) {
    case 1:
      return FewRows<kFormat, kPlanes, 1>(args, row0, panel, acc, acc_stride);
    case 2:
      return FewRows<kFormat, kPlanes, 2>(args, row0, panel, acc, acc_stride);
    case 3:
      return FewRows<kFormat, kPlanes, 3>(args, row0, panel, acc, acc_stride);
    case 4:
      return FewRows<kFormat, kPlanes, 4>(args, row0, panel, acc, acc_stride);
    case 5:
      return FewRows<kFormat, kPlanes, 5>(args, row0, panel, acc, acc_stride);
    case 6:
      return FewRows<kFormat, kPlanes, 6>(args, row0, panel, acc, acc_stride);
    case 7:
      return FewRows<kFormat, kPlanes, 7>(args, row0, panel, acc, acc_stride);
    default:
      return FewRows<kFormat, kPlanes, 8>(args, row0, panel, acc, acc_stride);
  }
}

// In strips of up to kFewRows rows, as even as can be: after the first the weights come from L2.
template <Int8Format kFormat, int kPlanes>
void RunStrips(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kFewRows * kFewPanels * kPanel];
  const std::int64_t panel_bytes = PanelLayout(kFormat, args.k).bytes;
  const std::int64_t parts = args.epilogue->parts;
  const std::int64_t step = kFewPanels / parts * parts;  // long stretches, to call the epilogue seldom
  const std::int64_t strips = (args.rows + kFewRows - 1) / kFewRows;
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
    const std::int64_t stride = panels * kPanel;
    for (std::int64_t s = 0; s < strips; ++s) {
      const std::int64_t row0 = args.rows * s / strips;
      const std::int64_t rows = args.rows * (s + 1) / strips - row0;
      FetchForFinish(*args.epilogue, row0, rows, panel0, panels);
      for (std::int64_t p = 0; p < panels; ++p) {
        FewRows<kFormat, kPlanes>(args, row0, rows, args.weights + (panel0 + p) * panel_bytes, acc + p * kPanel,
                                  stride);
      }
      Finish(*args.epilogue, acc, stride, row0, rows, panel0, panels);
    }
  }
}

template <Int8Format kFormat, int kPlanes>
void RunTiles(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByBlocks<kBlockRows, kBlockPanels>(
      args, panel_begin, panel_end,
      [&](std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels, float* acc) {
        ManyRows<kFormat, kPlanes>(args, row0, rows, panel0, panels, acc);
      });
}

}  // namespace

template <Int8Format kFormat, int kPlanes, ManyRowsBy kManyRows>
void RunInt8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  if (args.rows == 0) return;
  kManyRows == ManyRowsBy::kStrips || args.rows <= kFewRows ? RunStrips<kFormat, kPlanes>(args, panel_begin, panel_end)
                                                            : RunTiles<kFormat, kPlanes>(args, panel_begin, panel_end);
}

#define STRATA_INSTANTIATE_FOR(format, planes, many) \
  template void RunInt8Avx512Vnni<format, planes, ManyRowsBy::many>(const LinearArgs&, std::int64_t, std::int64_t);
#define STRATA_INSTANTIATE(format)                    \
  STRATA_INSTANTIATE_FOR(kFormat##format, 1, kStrips) \
  STRATA_INSTANTIATE_FOR(kFormat##format, 1, kTiles)  \
  STRATA_INSTANTIATE_FOR(kFormat##format, 2, kStrips) \
  STRATA_INSTANTIATE_FOR(kFormat##format, 2, kTiles)
STRATA_INT8_FORMATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE
#undef STRATA_INSTANTIATE_FOR

}  // namespace strata::kernels
