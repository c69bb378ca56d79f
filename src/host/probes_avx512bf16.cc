#include <immintrin.h>

#include "host/probes.h"

namespace strata::host {

double Bf16Avx512(std::int64_t rounds) {
  constexpr int kSums = 16;
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m512& sum : sums) {
      sum = _mm512_dpbf16_ps(sum, a, a);
      asm volatile("" : "+v"(sum));
    }
  }
  return static_cast<double>(rounds) * kSums * 32 * 2;
}

}  // namespace strata::host
