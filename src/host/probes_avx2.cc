#include <immintrin.h>

#include "host/probe_loops.h"
#include "host/probes.h"

namespace strata::host {
namespace {

constexpr int kChains = 12;  // of 16 registers; covers the latency of two fused multiply-adds a cycle

double Int8(std::int64_t rounds) {
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  RunChains<kChains, __m256i>(rounds, [&](__m256i sum) {
    asm volatile("" : "+v"(a));  // or the products would be computed once
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
  });
  return static_cast<double>(rounds) * kChains * 32 * 2;
}

double F32(std::int64_t rounds) {
  const __m256 factor = _mm256_set1_ps(0.5f);
  RunChains<kChains, __m256>(rounds, [&](__m256 sum) { return _mm256_fmadd_ps(sum, factor, factor); });
  return static_cast<double>(rounds) * kChains * 8 * 2;
}

}  // namespace

const Probes kProbesAvx2 = {
    .int8_instruction = "vpmaddubsw+vpmaddwd+vpaddd ymm", .int8 = Int8, .f32 = F32, .read = ReadAll<__m256i>};

}  // namespace strata::host
