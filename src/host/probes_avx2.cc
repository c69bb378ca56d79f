#include <immintrin.h>

#include "host/probes.h"

namespace strata::host {
namespace {

constexpr int kSums = 12;  // of 16 registers; covers the latency of two fused multiply-adds a cycle

// Registers that the compiler must take as changed: it can neither fold the loop nor spill them.
template <class Vector>
inline void Keep(Vector& value) {
  asm volatile("" : "+x"(value));
}

double Int8(std::int64_t rounds) {
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(3);
  __m256i b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m256i& sum : sums) {
      Keep(a);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
      Keep(sum);
    }
  }
  return static_cast<double>(rounds) * kSums * 32 * 2;
}

double F32(std::int64_t rounds) {
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(0.5f);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(sum, factor, factor);
      Keep(sum);
    }
  }
  return static_cast<double>(rounds) * kSums * 8 * 2;
}

std::uint64_t Read(const std::byte* data, std::size_t bytes) {
  __m256i sums[4];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += 256) {
    for (int v = 0; v < 8; ++v) {
      const auto* from = reinterpret_cast<const __m256i*>(data + i + 32 * v);
      sums[v % 4] = _mm256_xor_si256(sums[v % 4], _mm256_load_si256(from));
    }
  }
  const __m256i all = _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]), _mm256_xor_si256(sums[2], sums[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(all, 0)) ^
         static_cast<std::uint64_t>(_mm256_extract_epi64(all, 1)) ^
         static_cast<std::uint64_t>(_mm256_extract_epi64(all, 2)) ^
         static_cast<std::uint64_t>(_mm256_extract_epi64(all, 3));
}

}  // namespace

const Probes kProbesAvx2 = {
    .int8_instruction = "vpmaddubsw+vpmaddwd+vpaddd ymm", .int8 = Int8, .f32 = F32, .read = Read};

}  // namespace strata::host
