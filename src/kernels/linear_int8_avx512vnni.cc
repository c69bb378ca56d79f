// Int8 linears with vpdpbusd on zmm. Few rows: a panel streams by once with all its sums in registers. Many rows: the
// unpacked group of two panels stays in registers (16 zmm) while up to 64 rows pass, their f32 sums in L1.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kFewRows = 8;
constexpr std::int64_t kTileRows = 64;
constexpr std::int64_t kMaxTilePanels = 16;
constexpr std::int64_t kPrefetchBytes = 3072;  // ahead of the group in use; measured, flat from 2 to 6 KiB

inline __m512i Quad(const std::int8_t* quants) {
  std::int32_t four;
  std::memcpy(&four, quants, sizeof(four));
  return _mm512_set1_epi32(four);
}

// One group of one panel, unpacked: eight quads of unsigned bytes, scales, mins.
template <Int8Format kFormat>
struct WeightGroup {
  __m512i quads[8];
  __m512 scale;
  __m512 min;

  inline void Load(const std::byte* panel, const Int8Panel& layout, std::int64_t g) {
    const std::byte* quants = panel + g * layout.quant_bytes;
    if constexpr (kFormat.nibbles) {
      const __m512i low = _mm512_set1_epi8(15);
      for (int j = 0; j < 4; ++j) {
        const __m512i packed = _mm512_load_si512(quants + 64 * j);
        quads[j] = _mm512_and_si512(packed, low);
        quads[j + 4] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
      }
    } else {
      for (int j = 0; j < 8; ++j) quads[j] = _mm512_load_si512(quants + 64 * j);
    }
    scale = Widen(panel + layout.scales + g * layout.scale_bytes);
    if constexpr (kFormat.stored_min) min = Widen(panel + layout.mins + g * layout.scale_bytes);
  }

  static inline __m512 Widen(const std::byte* values) {
    if constexpr (kFormat.wide_scales) return _mm512_loadu_ps(values);
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
  }

  // Exact: the constant zero point is taken off in integers.
  static inline __m512i Start(const Int8Row& row, std::int64_t g) {
    if constexpr (kFormat.stored_min) return _mm512_setzero_si512();
    return _mm512_set1_epi32(-kFormat.zero * row.sums[g]);
  }

  inline __m512 Accumulate(__m512i dot, const Int8Row& row, std::int64_t g, __m512 sum) const {
    sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(scale, _mm512_set1_ps(row.scales[g])), sum);
    if constexpr (kFormat.stored_min) sum = _mm512_fmadd_ps(min, _mm512_set1_ps(row.scaled_sums[g]), sum);
    return sum;
  }
};

// A group's sum of products, for one row.
template <Int8Format kFormat, int kPlanes>
inline __m512i Dot(const WeightGroup<kFormat>& weights, const Int8Row& row, std::int64_t g) {
  const std::int8_t* quants = row.quants + g * kPlanes * kGroup;
  __m512i first = WeightGroup<kFormat>::Start(row, g);
  __m512i second = _mm512_setzero_si512();
  if constexpr (kPlanes == 1) {  // two chains, because few rows leave little else to overlap
    for (int j = 0; j < 8; j += 2) {
      first = _mm512_dpbusd_epi32(first, weights.quads[j], Quad(quants + 4 * j));
      second = _mm512_dpbusd_epi32(second, weights.quads[j + 1], Quad(quants + 4 * j + 4));
    }
  } else {
    for (int j = 0; j < 8; ++j) {
      second = _mm512_dpbusd_epi32(second, weights.quads[j], Quad(quants + 4 * j));
      first = _mm512_dpbusd_epi32(first, weights.quads[j], Quad(quants + kGroup + 4 * j));
    }
    second = _mm512_slli_epi32(second, kHighShift);
  }
  return _mm512_add_epi32(first, second);
}

// Rows [row0, row0 + kRows) of one panel; acc is [kRows][acc_stride].
template <Int8Format kFormat, int kPlanes, int kRows>
void FewRows(const LinearArgs& args, std::int64_t row0, const std::byte* panel, float* acc, std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::int64_t group_bytes = layout.quant_bytes + layout.scale_bytes * (kFormat.stored_min ? 2 : 1);
  Int8Row rows[kRows];
  __m512 sums[kRows];
  for (int r = 0; r < kRows; ++r) {
    rows[r] = Int8RowAt(args.activations, kPlanes, row0 + r, args.k);
    sums[r] = _mm512_setzero_ps();
  }
  const std::int64_t groups = args.k / kGroup;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::byte* ahead = panel + g * group_bytes + kPrefetchBytes;
    for (std::int64_t line = 0; line < group_bytes; line += 64) _mm_prefetch(ahead + line, _MM_HINT_T0);
    WeightGroup<kFormat> weights;
    weights.Load(panel, layout, g);
    for (int r = 0; r < kRows; ++r) {
      sums[r] = weights.Accumulate(Dot<kFormat, kPlanes>(weights, rows[r], g), rows[r], g, sums[r]);
    }
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

// Rows [row0, row0 + rows) of two neighbouring panels.
template <Int8Format kFormat, int kPlanes>
void ManyRows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc,
              std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  for (std::int64_t r = 0; r < rows; ++r) {
    _mm512_store_ps(acc + r * acc_stride, _mm512_setzero_ps());
    _mm512_store_ps(acc + r * acc_stride + 16, _mm512_setzero_ps());
  }
  const std::int64_t groups = args.k / kGroup;
  for (std::int64_t g = 0; g < groups; ++g) {
    WeightGroup<kFormat> left;
    WeightGroup<kFormat> right;
    left.Load(panel, layout, g);
    right.Load(panel + layout.bytes, layout, g);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Int8Row row = Int8RowAt(args.activations, kPlanes, row0 + r, args.k);
      float* sums = acc + r * acc_stride;
      const __m512i left_dot = Dot<kFormat, kPlanes>(left, row, g);
      const __m512i right_dot = Dot<kFormat, kPlanes>(right, row, g);
      _mm512_store_ps(sums, left.Accumulate(left_dot, row, g, _mm512_load_ps(sums)));
      _mm512_store_ps(sums + 16, right.Accumulate(right_dot, row, g, _mm512_load_ps(sums + 16)));
    }
  }
}

// Stores sixteen quants as the bytes of each plane, a group apart; returns what the bytes mean.
template <int kPlanes>
inline __m512i StoreBytes(__m512i quants, std::byte* out) {
  __m512i low = quants;
  if constexpr (kPlanes == 2) {
    const __m512i half = _mm512_set1_epi32(1 << (kHighShift - 1));
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(quants, half), kHighShift);
    const __m512i counted = _mm512_slli_epi32(high, kHighShift);
    low = _mm512_max_epi32(_mm512_sub_epi32(quants, counted), _mm512_set1_epi32(-127));
    quants = _mm512_add_epi32(counted, low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(high));
    out += kGroup;
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(low));
  return quants;
}

}  // namespace

template <int kPlanes>
void PrepareInt8Avx512(const PrepareArgs& args) {
  constexpr float kTiny = 1e-30f;  // below it kMax / max may overflow; such a group is zero
  constexpr auto kMax = static_cast<float>(kMaxQuant[kPlanes]);
  const std::int64_t groups = args.k / kGroup;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* row = args.out + r * Int8RowBytes(kPlanes, args.k);
    auto* scales = reinterpret_cast<float*>(row + kPlanes * args.k);
    auto* sums = reinterpret_cast<std::int32_t*>(scales + 2 * groups);
    const __m512 factor = _mm512_set1_ps(args.norm_weight != nullptr ? RmsFactor(in, args.k, args.norm_eps) : 1.0f);
    for (std::int64_t g = 0; g < groups; ++g) {
      __m512 a = _mm512_loadu_ps(in + g * kGroup);
      __m512 b = _mm512_loadu_ps(in + g * kGroup + 16);
      if (args.norm_weight != nullptr) {
        a = _mm512_mul_ps(_mm512_mul_ps(a, factor), _mm512_loadu_ps(args.norm_weight + g * kGroup));
        b = _mm512_mul_ps(_mm512_mul_ps(b, factor), _mm512_loadu_ps(args.norm_weight + g * kGroup + 16));
      }
      const float max = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
      const float scale = max / kMax;
      const __m512 inverse = _mm512_set1_ps(max > kTiny ? kMax / max : 0.0f);
      std::byte* quants = row + kPlanes * g * kGroup;
      const __m512i qa = StoreBytes<kPlanes>(_mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)), quants);
      const __m512i qb = StoreBytes<kPlanes>(_mm512_cvtps_epi32(_mm512_mul_ps(b, inverse)), quants + 16);
      const std::int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb));
      scales[g] = scale;
      scales[groups + g] = scale * static_cast<float>(sum);
      sums[g] = sum;
    }
  }
}

template <Int8Format kFormat, int kPlanes>
void RunInt8Avx512Vnni(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kTileRows * kMaxTilePanels * kPanel];
  const std::int64_t panel_bytes = PanelLayout(kFormat, args.k).bytes;
  const std::int64_t parts = args.epilogue->parts;
  for (std::int64_t row0 = 0; row0 < args.rows; row0 += kTileRows) {
    const std::int64_t rows = args.rows - row0 < kTileRows ? args.rows - row0 : kTileRows;
    const bool few = rows <= kFewRows;
    // Few rows: long stretches, to call the epilogue seldom. Many: 512 bytes of each output row at once, since rows a
    // large power of two apart share one set of the cache (two panels at once cost the output layer a quarter).
    const std::int64_t want = few ? kMaxTilePanels : 8;
    const std::int64_t step = want / parts > 0 ? want / parts * parts : parts;
    for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
      const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
      const std::byte* weights = args.weights + panel0 * panel_bytes;
      const std::int64_t stride = panels * kPanel;
      std::int64_t p = 0;
      if (!few) {
        for (; p + 2 <= panels; p += 2) {
          ManyRows<kFormat, kPlanes>(args, row0, rows, weights + p * panel_bytes, acc + p * kPanel, stride);
        }
      }
      for (; p < panels; ++p) {
        for (std::int64_t r = 0; r < rows; r += kFewRows) {
          FewRows<kFormat, kPlanes>(args, row0 + r, rows - r < kFewRows ? rows - r : kFewRows,
                                    weights + p * panel_bytes, acc + r * stride + p * kPanel, stride);
        }
      }
      Finish(*args.epilogue, acc, stride, row0, rows, panel0, panels);
    }
  }
}

template void PrepareInt8Avx512<1>(const PrepareArgs&);
template void PrepareInt8Avx512<2>(const PrepareArgs&);
#define STRATA_INSTANTIATE(format)                                                           \
  template void RunInt8Avx512Vnni<format, 1>(const LinearArgs&, std::int64_t, std::int64_t); \
  template void RunInt8Avx512Vnni<format, 2>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_INSTANTIATE(kFormatQ4_0)
STRATA_INSTANTIATE(kFormatQ4_1)
STRATA_INSTANTIATE(kFormatQ5_0)
STRATA_INSTANTIATE(kFormatQ5_1)
STRATA_INSTANTIATE(kFormatQ8_0)
STRATA_INSTANTIATE(kFormatQ4_K)
STRATA_INSTANTIATE(kFormatQ5_K)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
