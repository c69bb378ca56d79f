#include <immintrin.h>

#include "host/probe_loops.h"
#include "host/probes.h"

namespace strata::host {

double Bf16Avx512(std::int64_t rounds) {
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  RunChains<kZmmChains, __m512>(rounds, [&](__m512 sum) { return _mm512_dpbf16_ps(sum, a, a); });
  return static_cast<double>(rounds) * kZmmChains * 32 * 2;
}

}  // namespace strata::host
