#include <immintrin.h>

#include "host/probes.h"

namespace strata::host {
namespace {

constexpr int kSums = 16;  // of 32 registers; covers the latency of two fused multiply-adds a cycle

template <class Vector>
inline void Keep(Vector& value) {
  asm volatile("" : "+v"(value));
}

double F32(std::int64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512 factor = _mm512_set1_ps(0.5f);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(sum, factor, factor);
      Keep(sum);
    }
  }
  return static_cast<double>(rounds) * kSums * 16 * 2;
}

std::uint64_t Read(const std::byte* data, std::size_t bytes) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < bytes; i += 512) {
    for (int v = 0; v < 8; ++v) sums[v % 4] = _mm512_xor_si512(sums[v % 4], _mm512_load_si512(data + i + 64 * v));
  }
  return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(
      _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]), _mm512_xor_si512(sums[2], sums[3]))));
}

}  // namespace

const Probes kProbesAvx512 = {.int8_instruction = "", .f32 = F32, .read = Read};

}  // namespace strata::host
