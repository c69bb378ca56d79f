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
// Prefetches are so many runs of kShare groups ahead: into L1, and before that into L2. Measured, both are flat.
constexpr std::int64_t kNearRuns = 1, kFarRuns = 4;

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

// Panels that are read one after another, and what is read then.
struct Stream {
  const std::byte* end;
  const std::byte* next;  // LinearArgs::next; where that is unknown, what has been read already: to ask for it is free

  Stream(const LinearArgs& args, std::int64_t panel_bytes, std::int64_t panel_begin, std::int64_t panel_end)
      : end(args.weights + panel_end * panel_bytes),
        next(args.next != nullptr ? args.next : args.weights + panel_begin * panel_bytes) {}

  const std::byte* Ahead(const std::byte* at) const { return at < end ? at : next + (at - end); }
};

// Asks for what is soon wanted while the groups of a run are in use, each for its share of the lines, and for each line
// once: one that is asked for twice holds up those behind it.
template <Int8Format kFormat>
class RunAhead {
 public:
  static constexpr std::int64_t kBytes = SectionBytes(kFormat, kShare);

  RunAhead(const Stream& stream, const std::byte* run)
      : near_(stream.Ahead(run + kNearRuns * kBytes)), far_(stream.Ahead(run + kFarRuns * kBytes)) {}

  inline void ForGroup(std::int64_t g) {
    for (std::int64_t line = 0; line < kLines / kShare; ++line) ForLine();
    if (kMore >> g & 1) ForLine();
  }

 private:
  static constexpr std::int64_t kLines = (kBytes + 63) / 64;
  // Bit g: the group has one line more than kLines / kShare.
  static constexpr unsigned kMore = [] {
    unsigned more = 0;
    for (std::int64_t g = 0; g < kShare; ++g) {
      if ((g + 1) * kLines / kShare - g * kLines / kShare > kLines / kShare) more |= 1U << g;
    }
    return more;
  }();

  inline void ForLine() {
    _mm_prefetch(near_ + done_, _MM_HINT_T0);
    _mm_prefetch(far_ + done_, _MM_HINT_T1);
    done_ += 64;
  }

  const std::byte* near_;
  const std::byte* far_;
  std::int64_t done_ = 0;
};

// Rows [row0, row0 + kRows) of one panel; acc is [kRows][acc_stride].
template <Int8Format kFormat, int kPlanes, int kRows>
void FewRows(const LinearArgs& args, const Stream& stream, std::int64_t row0, const std::byte* panel, float* acc,
             std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::int64_t row_bytes = Int8RowBytes(kPlanes, args.k);
  const std::byte* row = args.activations + row0 * row_bytes;
  __m512 sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_ps();
  for (std::int64_t first = 0; first < layout.groups; first += kShare) {
    const Int8Places places = PlacesOf(kFormat, layout, first);
    const BlockScales<kFormat> block(panel + places.shared);
    RunAhead<kFormat> ahead(stream, panel + first / kShare * RunAhead<kFormat>::kBytes);
    const std::int64_t groups = layout.groups - first < kShare ? layout.groups - first : kShare;
    for (std::int64_t g = 0; g < groups; ++g) {
      ahead.ForGroup(g);
      WeightGroup<kFormat> weights;
      weights.Load(panel, layout, Behind(kFormat, places, g), block);
      for (int r = 0; r < kRows; ++r) {
        sums[r] = Accumulate<kFormat, kPlanes>(weights, {row + r * row_bytes}, sums[r]);
      }
      row += Int8GroupBytes(kPlanes);
    }
  }
  for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(acc + r * acc_stride, sums[r]);
}

template <Int8Format kFormat, int kPlanes>
void FewRows(const LinearArgs& args, const Stream& stream, std::int64_t row0, std::int64_t rows, const std::byte* panel,
             float* acc, std::int64_t acc_stride) {
  switch (rows) {
    case 1:
      return FewRows<kFormat, kPlanes, 1>(args, stream, row0, panel, acc, acc_stride);
    case 2:
      return FewRows<kFormat, kPlanes, 2>(args, stream, row0, panel, acc, acc_stride);
    case 3:
      return FewRows<kFormat, kPlanes, 3>(args, stream, row0, panel, acc, acc_stride);
    case 4:
      return FewRows<kFormat, kPlanes, 4>(args, stream, row0, panel, acc, acc_stride);
    case 5:
      return FewRows<kFormat, kPlanes, 5>(args, stream, row0, panel, acc, acc_stride);
    case 6:
      return FewRows<kFormat, kPlanes, 6>(args, stream, row0, panel, acc, acc_stride);
    case 7:
      return FewRows<kFormat, kPlanes, 7>(args, stream, row0, panel, acc, acc_stride);
    default:
      return FewRows<kFormat, kPlanes, 8>(args, stream, row0, panel, acc, acc_stride);
  }
}

// In strips of up to kFewRows rows, as even as can be: after the first the weights come from L2.
template <Int8Format kFormat, int kPlanes>
void RunStrips(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kFewRows * kFewPanels * kPanel];
  const std::int64_t panel_bytes = PanelLayout(kFormat, args.k).bytes;
  const Stream stream(args, panel_bytes, panel_begin, panel_end);
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
        FewRows<kFormat, kPlanes>(args, stream, row0, rows, args.weights + (panel0 + p) * panel_bytes, acc + p * kPanel,
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
