// Inside host only: the loops behind peaks.h, one object per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strata::host {

/// Each arithmetic probe runs `rounds` rounds of independent instructions on registers and returns the operations done
/// (a multiplication and an addition are two); nullptr where the instruction set has none.
struct Probes {
  std::string_view int8_instruction;
  double (*int8)(std::int64_t rounds) = nullptr;
  double (*bf16)(std::int64_t rounds) = nullptr;
  double (*f32)(std::int64_t rounds) = nullptr;
  /// Reads every byte of [data, data + bytes), bytes a multiple of 512; the result depends on all of them.
  std::uint64_t (*read)(const std::byte* data, std::size_t bytes) = nullptr;
};

extern const Probes kProbesPortable;
#if defined(STRATA_HOST_X86)
extern const Probes kProbesAvx2;
extern const Probes kProbesAvx512;
double Int8Avx512Vnni(std::int64_t rounds);
double Bf16Avx512(std::int64_t rounds);
double Int8Amx(std::int64_t rounds);
double Bf16Amx(std::int64_t rounds);
#endif

}  // namespace strata::host
