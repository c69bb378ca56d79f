#include <immintrin.h>

#include "host/probe_loops.h"
#include "host/probes.h"

namespace strata::host {

double Int8Avx512Vnni(std::int64_t rounds) {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  RunChains<kZmmChains, __m512i>(rounds, [&](__m512i sum) { return _mm512_dpbusd_epi32(sum, a, b); });
  return static_cast<double>(rounds) * kZmmChains * 64 * 2;
}

}  // namespace strata::host
