#include <immintrin.h>

#include "host/probes.h"

namespace strata::host {

double Int8Avx512Vnni(std::int64_t rounds) {
  constexpr int kSums = 16;
  __m512i sums[kSums];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      asm volatile("" : "+v"(sum));
    }
  }
  return static_cast<double>(rounds) * kSums * 64 * 2;
}

}  // namespace strata::host
