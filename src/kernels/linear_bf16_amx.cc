// Linears over packed weights with activations of bf16, on AMX.
#include <algorithm>

#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/linear_bf16_tiles.h"

namespace strata::kernels {

void PrepareBF16Amx(const PrepareArgs& args) {
  std::byte* const run = args.out - args.run_row * BF16RowBytes(args.k);
  const auto row = [&](std::int64_t r) { return args.x + r * args.x_stride; };
  for (std::int64_t r = 0; r < args.rows;) {
    const std::int64_t at = args.run_row + r;
    const std::int64_t lane = at % kTileRows, block = at - lane;
    const std::int64_t in_block = std::min(args.run_rows - block, kTileRows);
    const std::int64_t count = std::min(in_block - lane, args.rows - r);
    __m512 factors[kTileRows];
    for (std::int64_t i = 0; i < count; ++i) {
      factors[i] = _mm512_set1_ps(args.norm_weight != nullptr ? RmsFactor(row(r + i), args.k, args.norm_eps) : 1.0f);
    }
    __m512i pairs[kTileRows] = {};  // [row][pair of k]
    for (std::int64_t k = 0; k < args.k; k += kGroup) {
      for (std::int64_t i = 0; i < count; ++i) {
        __m512 first = _mm512_loadu_ps(row(r + i) + k);
        __m512 second = _mm512_loadu_ps(row(r + i) + k + 16);
        if (args.norm_weight != nullptr) {
          first = _mm512_mul_ps(_mm512_mul_ps(first, factors[i]), _mm512_loadu_ps(args.norm_weight + k));
          second = _mm512_mul_ps(_mm512_mul_ps(second, factors[i]), _mm512_loadu_ps(args.norm_weight + k + 16));
        }
        pairs[i] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
      }
      std::byte* const out = run + block * BF16RowBytes(args.k) + k / 2 * 4 * in_block + 4 * lane;
      if (in_block == 1) {
        _mm512_storeu_si512(out, pairs[0]);
      } else if (count == 1) {
        const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        _mm512_i32scatter_epi32(out, _mm512_mullo_epi32(lanes, _mm512_set1_epi32(static_cast<int>(in_block))), pairs[0],
                                4);
      } else {
        __m512i of_pairs[kTileRows];
        Transpose16(pairs, kTileBytes, of_pairs);
        // The block's other rows may be somebody else's.
        for (int pair = 0; pair < kTileRows; ++pair) {
          _mm512_mask_storeu_epi32(out + pair * 4 * in_block, Lanes(count), of_pairs[pair]);
        }
      }
    }
    r += count;
  }
}

template <Int8Format kFormat>
void RunInt8BF16Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunBF16<AmxTiles, Int8Weights<kFormat>>(args, panel_begin, panel_end);
}

template <PanelFloat kType>
void RunFloatBF16Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunBF16<AmxTiles, FloatWeights<kType>>(args, panel_begin, panel_end);
}

#define STRATA_INSTANTIATE(format) \
  template void RunInt8BF16Amx<kFormat##format>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_INT8_FORMATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

template void RunFloatBF16Amx<PanelFloat::kBF16>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunFloatBF16Amx<PanelFloat::kF8_32>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunFloatBF16Amx<PanelFloat::kF8_128>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunFloatBF16Amx<PanelFloat::kNF4_64>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
