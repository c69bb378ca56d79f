// Float linears on ymm: tiles of four rows and one panel, eight sums in registers (as many as hide the FMA's latency).
#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/linear_float.h"
#include "kernels/linear_panels.h"
#include "tensor/scaled_blocks.h"

namespace strata::kernels {
namespace {

// What kNF4 has for eight codes: vpermps looks at three bits, the fourth says from which half of the table.
inline __m256 NF4(__m256i codes) {
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(kNF4), codes);
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(kNF4 + 8), codes);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)));
}

// Eight float8 as f32, but for kFloat8Rebias.
inline __m256 Float8(const std::byte* codes) {
  const __m128i words = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes)));
  const __m128i magnitude = _mm_and_si128(_mm_slli_epi16(words, 7), _mm_set1_epi16(0x3f80));
  const __m128i sign = _mm_and_si128(_mm_slli_epi16(words, 8), _mm_set1_epi16(static_cast<short>(0x8000)));
  return _mm256_cvtph_ps(_mm_or_si128(magnitude, sign));
}

// Columns [8 half, 8 half + 8) at k (even) and k + 1.
template <PanelFloat kType>
inline void LoadPair(const std::byte* panel, std::int64_t k, int half, __m256& even, __m256& odd) {
  constexpr std::int64_t kSpan = FloatBlockSpan(kType);
  if constexpr (kSpan != 0) {
    const std::byte* block = panel + k / kSpan * FloatBlockBytes(kType);
    const __m256 scale = _mm256_load_ps(reinterpret_cast<const float*>(block) + 8 * half);
    const std::byte* codes = panel + FloatStepOffset(kType, k) + 8 * half;
    if constexpr (kType == PanelFloat::kNF4_64) {
      const __m256i both = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes)));
      even = NF4(both);
      odd = NF4(_mm256_srli_epi32(both, 4));
    } else {
      even = Float8(codes);
      odd = Float8(codes + kPanel);
    }
    even = _mm256_mul_ps(even, scale);
    odd = _mm256_mul_ps(odd, scale);
  } else if constexpr (kType == PanelFloat::kF32) {
    const float* weights = reinterpret_cast<const float*>(panel + k * 64) + 8 * half;
    even = _mm256_load_ps(weights);
    odd = _mm256_load_ps(weights + kPanel);
  } else if constexpr (kType == PanelFloat::kF16) {
    const __m128i* weights = reinterpret_cast<const __m128i*>(panel + k * 32) + half;
    even = _mm256_cvtph_ps(_mm_load_si128(weights));
    odd = _mm256_cvtph_ps(_mm_load_si128(weights + 2));
  } else {
    const __m256i both = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel + k * 32) + half);
    even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    odd = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
}

template <PanelFloat kType, int kRows>
void Tile(const LinearArgs& args, std::int64_t row0, const std::byte* panel, float* acc, std::int64_t acc_stride) {
  const auto* x = reinterpret_cast<const float*>(args.activations + row0 * FloatRowBytes(args.k));
  const std::int64_t x_stride = FloatRowBytes(args.k) / 4;
  __m256 sums[kRows][2];
  for (auto& row : sums) row[0] = row[1] = _mm256_setzero_ps();
  const auto step = [&](std::int64_t k, __m256 left, __m256 right) {
    for (int r = 0; r < kRows; ++r) {
      const __m256 value = _mm256_broadcast_ss(x + r * x_stride + k);
      sums[r][0] = _mm256_fmadd_ps(value, left, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(value, right, sums[r][1]);
    }
  };
  for (std::int64_t k = 0; k < args.k; k += 2) {
    __m256 even[2];
    __m256 odd[2];
    for (int half = 0; half < 2; ++half) LoadPair<kType>(panel, k, half, even[half], odd[half]);
    step(k, even[0], even[1]);
    if (k + 1 < args.k) step(k + 1, odd[0], odd[1]);
  }
  for (int r = 0; r < kRows; ++r) {
    _mm256_store_ps(acc + r * acc_stride, sums[r][0]);
    _mm256_store_ps(acc + r * acc_stride + 8, sums[r][1]);
  }
}

}  // namespace

void PrepareFloatAvx2(const PrepareArgs& args) {
  PrepareFloatRows(args, [&](const float* in, float* row) {
    ScaleBy(in, RmsFactor(in, args.k, args.norm_eps), args.norm_weight, args.k, row);
  });
}

template <PanelFloat kType>
void RunFloatAvx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunByPanels(args, FloatPanelBytes(kType, args.k), panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                std::int64_t r = 0;
                for (; r + 4 <= rows; r += 4) Tile<kType, 4>(args, row0 + r, panel, acc + r * stride, stride);
                for (; r < rows; ++r) Tile<kType, 1>(args, row0 + r, panel, acc + r * stride, stride);
              });
}

#define STRATA_INSTANTIATE(name, lower) \
  template void RunFloatAvx2<PanelFloat::k##name>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_PANEL_FLOATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
