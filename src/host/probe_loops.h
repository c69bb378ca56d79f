// Inside host only: the loops that every instruction set's probes share. Each file that includes this gets its own
// copy, compiled for its instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::host {
namespace {

constexpr int kZmmChains = 16;  // of 32 registers; covers the latency of two fused multiply-adds a cycle

/// `rounds` times one instruction on each of kChains independent registers, enough of them to hide its latency. `step`
/// maps a register to its next value.
template <int kChains, class Vector, class Step>
[[maybe_unused]] inline void RunChains(std::int64_t rounds, const Step& step) {
  Vector chains[kChains] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (Vector& chain : chains) {
      chain = step(chain);
      asm volatile("" : "+v"(chain));  // the compiler can neither fold the loop nor spill the register
    }
  }
}

/// Probes::read by vectors of one register.
template <class Vector>
[[maybe_unused]] inline std::uint64_t ReadAll(const std::byte* data, std::size_t bytes) {
  Vector sums[4] = {};
  for (std::size_t i = 0; i < bytes; i += 8 * sizeof(Vector)) {
    const auto* vectors = reinterpret_cast<const Vector*>(data + i);
    for (int v = 0; v < 8; ++v) sums[v % 4] ^= vectors[v];
  }
  const Vector all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  std::uint64_t sum = 0;
  for (std::size_t lane = 0; lane < sizeof(Vector) / sizeof(std::uint64_t); ++lane) {
    sum ^= static_cast<std::uint64_t>(all[lane]);
  }
  return sum;
}

}  // namespace
}  // namespace strata::host
