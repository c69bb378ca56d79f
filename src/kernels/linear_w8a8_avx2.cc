// W8A8 linears with vpmaddwd: bytes are widened to words as they are loaded, because vpmaddubsw's pairs of -128..127 by
// 0..255 do not fit 16 bits. Four rows by eight columns have their sums in registers over all of k.
#include <cstring>

#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/linear_panels.h"
#include "kernels/linear_w8a8.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kTileRows = 4;

// Rows [0, kRows) of eight columns, the first or the last of a panel.
template <std::int64_t kGroup, int kRows>
void Tile(const std::byte* rows, const std::byte* panel, std::int64_t k, int half, float* acc,
          std::int64_t acc_stride) {
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 2>(k), group = GroupSize<kGroup>(k);
  __m256 sums[kRows], scaled[kRows];  // scaled: of this group of weights, by the scales of inputs
  for (int r = 0; r < kRows; ++r) sums[r] = scaled[r] = _mm256_setzero_ps();
  const std::byte* weight_scales = panel + W8A8PanelLayout<kGroup>(k).scales + 32 * half;
  const std::byte* weights = panel + 32 * half;
  std::int64_t scale_at = 2 * k;
  for (std::int64_t begin = 0; begin < k; begin += group, scale_at += sizeof(GroupScale)) {
    __m256i dots[kRows][2];  // of four columns each, the sums of even and odd pairs of k
    for (auto& row : dots) row[0] = row[1] = _mm256_setzero_si256();
    const std::int64_t end = begin + group < k ? begin + group : k;
    for (std::int64_t i = begin; i < end; i += 4, weights += 64) {
      __m256i words[2];
      for (int c = 0; c < 2; ++c) {
        const __m128i bytes = _mm_load_si128(reinterpret_cast<const __m128i*>(weights + 16 * c));
        words[c] = _mm256_cvtepi8_epi16(_mm_xor_si128(bytes, _mm_set1_epi8(-128)));
      }
      for (int r = 0; r < kRows; ++r) {
        std::int64_t four;
        std::memcpy(&four, rows + r * row_bytes + 2 * i, sizeof four);
        const __m256i inputs = _mm256_set1_epi64x(four);
        for (int c = 0; c < 2; ++c) dots[r][c] = _mm256_add_epi32(dots[r][c], _mm256_madd_epi16(words[c], inputs));
      }
    }
    for (int r = 0; r < kRows; ++r) {
      // hadd adds within lanes: 0 1 4 5 | 2 3 6 7.
      const __m256i dot = _mm256_permute4x64_epi64(_mm256_hadd_epi32(dots[r][0], dots[r][1]), 0xd8);
      float scale;
      std::memcpy(&scale, rows + r * row_bytes + scale_at, sizeof scale);
      scaled[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(scale), scaled[r]);
    }
    if (!EndsWeightGroup<kGroup>(end, k)) continue;
    const __m256 scales = _mm256_load_ps(reinterpret_cast<const float*>(weight_scales));
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm256_fmadd_ps(scaled[r], scales, sums[r]);
      scaled[r] = _mm256_setzero_ps();
    }
    weight_scales += kPanel * sizeof(float);
  }
  for (int r = 0; r < kRows; ++r) _mm256_store_ps(acc + r * acc_stride + 8 * half, sums[r]);
}

template <std::int64_t kGroup>
constexpr decltype(&Tile<kGroup, 1>) kTiles[kTileRows] = {Tile<kGroup, 1>, Tile<kGroup, 2>, Tile<kGroup, 3>,
                                                          Tile<kGroup, 4>};

}  // namespace

template <std::int64_t kGroup>
void PrepareW8A8Avx2(const PrepareArgs& args) {
  const std::int64_t group = GroupSize<kGroup>(args.k);
  const __m256 sign = _mm256_set1_ps(-0.0f);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* row = args.out + r * W8A8RowBytes<kGroup, 2>(args.k);
    const bool normed = args.norm_weight != nullptr;
    const __m256 factor = _mm256_set1_ps(normed ? RmsFactor(in, args.k, args.norm_eps) : 1.0f);
    const auto value = [&](std::int64_t i) {
      const __m256 x = _mm256_loadu_ps(in + i);
      return normed ? _mm256_mul_ps(_mm256_mul_ps(x, factor), _mm256_loadu_ps(args.norm_weight + i)) : x;
    };
    std::byte* scale_at = row + 2 * args.k;
    for (std::int64_t begin = 0; begin < args.k; begin += group, scale_at += sizeof(GroupScale)) {
      const std::int64_t end = begin + group < args.k ? begin + group : args.k;
      __m256 max = _mm256_setzero_ps();
      for (std::int64_t i = begin; i < end; i += 8) max = _mm256_max_ps(max, _mm256_andnot_ps(sign, value(i)));
      const float scale = Max(max) / kW8A8Range;
      const __m256 inverse = _mm256_set1_ps(scale > kTinyW8A8Scale ? 1.0f / scale : 0.0f);
      for (std::int64_t i = begin; i < end; i += 8) {
        const __m256 x = value(i);
        const __m256 product = _mm256_mul_ps(x, inverse);
        __m256i quants = _mm256_cvtps_epi32(product);
        const __m256 rest = _mm256_andnot_ps(sign, _mm256_sub_ps(product, _mm256_cvtepi32_ps(quants)));
        if (_mm256_movemask_ps(_mm256_cmp_ps(rest, _mm256_set1_ps(kSurelyRounded), _CMP_GT_OQ)) != 0) [[unlikely]] {
          quants = _mm256_cvtps_epi32(_mm256_div_ps(x, _mm256_set1_ps(scale)));
        }
        quants = _mm256_min_epi32(_mm256_max_epi32(quants, _mm256_set1_epi32(-128)), _mm256_set1_epi32(127));
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(quants), _mm256_extracti128_si256(quants, 1));
        _mm_store_si128(reinterpret_cast<__m128i*>(row + 2 * i), words);
      }
      const GroupScale stored{scale, 0};
      std::memcpy(scale_at, &stored, sizeof stored);
    }
  }
}

template <std::int64_t kGroup>
void RunW8A8Avx2(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  const std::int64_t row_bytes = W8A8RowBytes<kGroup, 2>(args.k);
  RunByPanels(args, W8A8PanelLayout<kGroup>(args.k).bytes, panel_begin, panel_end,
              [&](std::int64_t row0, std::int64_t rows, const std::byte* panel, float* acc, std::int64_t stride) {
                for (std::int64_t r = 0; r < rows; r += kTileRows) {
                  const std::int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
                  for (int half = 0; half < 2; ++half) {
                    kTiles<kGroup>[count - 1](args.activations + (row0 + r) * row_bytes, panel, args.k, half,
                                              acc + r * stride, stride);
                  }
                }
              });
}

template void PrepareW8A8Avx2<0>(const PrepareArgs&);
template void PrepareW8A8Avx2<kInputGroup>(const PrepareArgs&);
template void RunW8A8Avx2<0>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunW8A8Avx2<kInputGroup>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
