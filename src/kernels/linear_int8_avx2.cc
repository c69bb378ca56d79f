// Int8 linears with vpmaddubsw: half a panel (eight columns) of a group stays unpacked in registers while up to 64 rows
// pass, their f32 sums in L1. The sums are exact: vpmaddubsw's 16-bit pairs are widened before they can saturate.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/linear_int8.h"
#include "kernels/linear_panels.h"

namespace strata::kernels {
namespace {

inline __m256i Quad(const std::int8_t* quants) {
  std::int32_t four;
  std::memcpy(&four, quants, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Eight columns of one group. Bytes whose zero point is high are kept signed: |w| * (sign(w) a) fits vpmaddubsw, w * a
// not.
template <Int8Format kFormat>
struct HalfGroup {
  static constexpr bool kSigned = kFormat.zero >= 32;
  static constexpr int kHalves = kFormat.halves;
  static constexpr int kQuads = 8 / kHalves;
  __m256i quads[8];
  __m256 scale[kHalves];
  __m256 min[kHalves];

  inline void Load(const std::byte* panel, const Int8Panel& layout, std::int64_t g, int half) {
    const Int8Places at = PlacesOf(kFormat, layout, g);
    const std::byte* quants = panel + at.quants + 32 * half;
    if constexpr (kFormat.nibbles) {
      const __m256i low = _mm256_set1_epi8(15);
      for (int j = 0; j < 4; ++j) {
        const __m256i packed = _mm256_load_si256(reinterpret_cast<const __m256i*>(quants + 64 * j));
        quads[j] = _mm256_and_si256(packed, low);
        quads[j + 4] = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low);
      }
      if constexpr (kFormat.levels) {
        const __m256i levels = WithoutZero(
            _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(panel + layout.levels))));
        for (__m256i& quad : quads) quad = _mm256_shuffle_epi8(levels, quad);
      }
    } else {
      for (int j = 0; j < 8; ++j) {
        quads[j] = _mm256_load_si256(reinterpret_cast<const __m256i*>(quants + 64 * j));
        if constexpr (kSigned) quads[j] = WithoutZero(quads[j]);
      }
    }
    for (int h = 0; h < kHalves; ++h) {
      const std::byte* const shared = panel + at.shared;
      const std::int64_t offset = HalfOffset(kFormat, h);
      scale[h] = Widen(panel + at.scales + offset, shared, half);
      if constexpr (kFormat.stored_min) min[h] = Widen(panel + at.mins + offset, shared + 2 * kPanel, half);
    }
  }

  static inline __m256i WithoutZero(__m256i bytes) {
    return _mm256_sub_epi8(bytes, _mm256_set1_epi8(static_cast<char>(kFormat.zero)));
  }

  static inline __m256 Widen(const std::byte* values, const std::byte* shared, int half) {
    if constexpr (kFormat.scales == ScaleType::kF32) {
      return _mm256_loadu_ps(reinterpret_cast<const float*>(values) + 8 * half);
    }
    if constexpr (kFormat.scales == ScaleType::kFactors) {
      const __m128i factors = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values + 8 * half));
      const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(shared) + half);
      return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(factors)), _mm256_cvtph_ps(halves));
    }
    const __m128i narrow = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values) + half);
    if constexpr (kFormat.scales == ScaleType::kF16) return _mm256_cvtph_ps(narrow);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16));
  }

  // Of kQuads quads of one plane, from the first one on, without the zero point.
  inline __m256i PlaneDot(int first_quad, const std::int8_t* plane) const {
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i* const weights = quads + first_quad;
    const std::int8_t* const quants = plane + 4 * first_quad;
    if constexpr (kSigned) {
      __m256i dot = _mm256_setzero_si256();
      for (int j = 0; j < kQuads; ++j) {
        const __m256i value = _mm256_sign_epi8(Quad(quants + 4 * j), weights[j]);
        dot = _mm256_add_epi32(dot, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(weights[j]), value), ones));
      }
      return dot;
    } else {
      // Four pairs of 31 * 127 stay under 2^15.
      __m256i dot = _mm256_setzero_si256();
      for (int j = 0; j < kQuads; j += 4) {
        __m256i sum = _mm256_maddubs_epi16(weights[j], Quad(quants + 4 * j));
        for (int i = j + 1; i < j + 4; ++i) {
          sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights[i], Quad(quants + 4 * i)));
        }
        dot = _mm256_add_epi32(dot, _mm256_madd_epi16(sum, ones));
      }
      return dot;
    }
  }

  // Adds the group's part of one row.
  template <int kPlanes>
  inline __m256 Accumulate(Int8Group<kPlanes> row, __m256 sum) const {
    const Int8GroupTail& tail = row.tail();
    for (int h = 0; h < kHalves; ++h) {
      __m256i dot = PlaneDot(kQuads * h, row.plane(0));
      if constexpr (kPlanes == 2) {
        dot = _mm256_add_epi32(_mm256_slli_epi32(dot, kHighShift), PlaneDot(kQuads * h, row.plane(1)));
      }
      if constexpr (!kSigned && kFormat.zero != 0) {
        dot = _mm256_add_epi32(dot, _mm256_set1_epi32(kFormat.zero * tail.NegativeSum(h, kHalves)));
      }
      sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(scale[h], _mm256_set1_ps(tail.scale)), sum);
      if constexpr (kFormat.stored_min) {
        sum = _mm256_fmadd_ps(min[h], _mm256_set1_ps(tail.ScaledSum(h, kHalves)), sum);
      }
    }
    return sum;
  }
};

template <Int8Format kFormat, int kPlanes>
void Rows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc,
          std::int64_t acc_stride) {
  const Int8Panel layout = PanelLayout(kFormat, args.k);
  const std::int64_t row_bytes = Int8RowBytes(kPlanes, args.k);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (int half = 0; half < 2; ++half) _mm256_store_ps(acc + r * acc_stride + 8 * half, _mm256_setzero_ps());
  }
  for (std::int64_t g = 0; g < args.k / kGroup; ++g) {
    for (int half = 0; half < 2; ++half) {
      HalfGroup<kFormat> weights;
      weights.Load(panel, layout, g, half);
      for (std::int64_t r = 0; r < rows; ++r) {
        float* sums = acc + r * acc_stride + 8 * half;
        const Int8Group<kPlanes> row{args.activations + (row0 + r) * row_bytes + g * Int8GroupBytes(kPlanes)};
        _mm256_store_ps(sums, weights.template Accumulate<kPlanes>(row, _mm256_load_ps(sums)));
      }
    }
  }
}

// Stores eight quants as the bytes of each plane, a group apart; returns what the bytes mean.
template <int kPlanes>
inline __m256i StoreBytes(__m256i quants, std::byte* out) {
  const auto store = [](__m256i eight, std::byte* to) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(words, words));
  };
  __m256i low = quants;
  if constexpr (kPlanes == 2) {
    const __m256i half = _mm256_set1_epi32(1 << (kHighShift - 1));
    const __m256i high = _mm256_srai_epi32(_mm256_add_epi32(quants, half), kHighShift);
    const __m256i counted = _mm256_slli_epi32(high, kHighShift);
    low = _mm256_max_epi32(_mm256_sub_epi32(quants, counted), _mm256_set1_epi32(-127));
    quants = _mm256_add_epi32(counted, low);
    store(high, out);
    out += kGroup;
  }
  store(low, out);
  return quants;
}

inline __m256 Abs(__m256 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }

inline std::int32_t SumOf(__m256i v) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

}  // namespace

template <int kPlanes>
void PrepareInt8Avx2(const PrepareArgs& args) {
  constexpr float kTiny = 1e-30f;  // below it kMax / max may overflow; such a group is zero
  constexpr auto kMax = static_cast<float>(kMaxQuant[kPlanes]);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* group = args.out + r * Int8RowBytes(kPlanes, args.k);
    const float factor = args.norm_weight != nullptr ? RmsFactor(in, args.k, args.norm_eps) : 1.0f;
    for (std::int64_t k = 0; k < args.k; k += kGroup, group += Int8GroupBytes(kPlanes)) {
      __m256 values[4];
      __m256 max = _mm256_setzero_ps();
      for (int i = 0; i < 4; ++i) {
        values[i] = _mm256_loadu_ps(in + k + 8 * i);
        if (args.norm_weight != nullptr) {
          values[i] = _mm256_mul_ps(_mm256_mul_ps(values[i], _mm256_set1_ps(factor)),
                                    _mm256_loadu_ps(args.norm_weight + k + 8 * i));
        }
        max = _mm256_max_ps(max, Abs(values[i]));
      }
      const float greatest = Max(max);
      const __m256 inverse = _mm256_set1_ps(greatest > kTiny ? kMax / greatest : 0.0f);
      __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
      for (int i = 0; i < 4; ++i) {
        const __m256i quants = _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse));
        sums[i / 2] = _mm256_add_epi32(sums[i / 2], StoreBytes<kPlanes>(quants, group + 8 * i));
      }
      const float scale = greatest / kMax;
      const std::int32_t half = SumOf(sums[0]);
      const std::int32_t total = half + SumOf(sums[1]);
      const Int8GroupTail tail{scale, scale * static_cast<float>(total), -total, -half};
      std::memcpy(group + kPlanes * kGroup, &tail, sizeof(tail));
    }
  }
}

template <Int8Format kFormat, int kPlanes>
void RunInt8Avx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByPanels(args, PanelLayout(kFormat, args.k).bytes, panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                Rows<kFormat, kPlanes>(args, row0, rows, panel, acc, stride);
              });
}

template void PrepareInt8Avx2<1>(const PrepareArgs&);
template void PrepareInt8Avx2<2>(const PrepareArgs&);
#define STRATA_INSTANTIATE(format)                                                              \
  template void RunInt8Avx2<kFormat##format, 1>(const LinearArgs&, std::int64_t, std::int64_t); \
  template void RunInt8Avx2<kFormat##format, 2>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_INT8_FORMATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
