// Linears for rows of prompts, on AMX.
#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/linear_prefill_tiles.h"

namespace strata::kernels {

void PreparePrefillAmx(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    std::byte* out = args.out + r * PrefillRowBytes(args.k);
    const __m512 factor = _mm512_set1_ps(args.norm_weight != nullptr ? RmsFactor(in, args.k, args.norm_eps) : 1.0f);
    for (std::int64_t i = 0; i < args.k; i += 32) {
      __m512 a = _mm512_loadu_ps(in + i);
      __m512 b = _mm512_loadu_ps(in + i + 16);
      if (args.norm_weight != nullptr) {
        a = _mm512_mul_ps(_mm512_mul_ps(a, factor), _mm512_loadu_ps(args.norm_weight + i));
        b = _mm512_mul_ps(_mm512_mul_ps(b, factor), _mm512_loadu_ps(args.norm_weight + i + 16));
      }
      _mm512_storeu_si512(out + 2 * i, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
    }
  }
}

template <Int8Format kFormat>
void RunPrefillAmx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  RunPrefill<AmxTiles, kFormat>(args, panel_begin, panel_end);
}

#define STRATA_INSTANTIATE(format) \
  template void RunPrefillAmx<kFormat##format>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_INT8_FORMATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
