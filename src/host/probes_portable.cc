// What every processor can do: loops that the compiler turns into the baseline's vectors.
#include <cstring>

#include "host/probes.h"

namespace strata::host {
namespace {

constexpr int kVectors = 8;  // more than the latency of a multiply-add times its throughput
constexpr int kLanes = 4;

double F32(std::int64_t rounds) {
  float sums[kVectors][kLanes] = {};
  const float factor = 0.5f;
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (auto& vector : sums) {
      for (float& sum : vector) sum = sum * factor + factor;
    }
    asm volatile("" : : "r"(sums) : "memory");
  }
  return static_cast<double>(rounds) * kVectors * kLanes * 2;
}

std::uint64_t Read(const std::byte* data, std::size_t bytes) {
  constexpr std::size_t kWords = 8;
  std::uint64_t sums[kWords] = {};
  for (std::size_t i = 0; i < bytes; i += sizeof sums) {
    std::uint64_t words[kWords];
    std::memcpy(words, data + i, sizeof words);
    for (std::size_t w = 0; w < kWords; ++w) sums[w] += words[w];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

const Probes kProbesPortable = {.int8_instruction = "", .f32 = F32, .read = Read};

}  // namespace strata::host
