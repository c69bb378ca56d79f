// What the processor can do, asked once. STRATA_ISA=ref|avx2|avx512, on Arm ref|neon (the environment) lowers it,
// to force a kernel path; avx512 is without AMX, neon without the dot products of bytes.
#pragma once

#include <string>

namespace strata {

struct CpuFeatures {
  bool avx2 = false;         ///< AVX2 + FMA + F16C
  bool avx512 = false;       ///< F, BW, DQ, VL
  bool avx512_vnni = false;  ///< vpdpbusd on zmm
  bool avx512_bf16 = false;  ///< vdpbf16ps
  /// It does twice the products of an f32 multiply-add in the same time: AMD. (Intel's has half the ports.)
  bool avx512_bf16_fast = false;
  bool avx512_vbmi = false;
  /// zmm operations take two passes, so that decoding and unpacking hide behind them: AMD family 19h (Zen 4).
  bool avx512_halves = false;
  bool avx_vnni = false;      ///< vpdpbusd on ymm, VEX encoded
  bool amx = false;           ///< tiles of bf16 and int8, with avx512_bf16, and the kernel lets this process use them
  bool neon = false;          ///< what every 64-bit Arm has: FMA, conversions of f16
  bool neon_dotprod = false;  ///< sdot: since Armv8.4, often before

  /// "avx512+vnni+bf16+vbmi" or "ref": for logs, `strata doctor` and cache keys.
  std::string ToString() const;
};

/// The features of this machine after STRATA_ISA. The first call reads the environment; later calls return the same.
const CpuFeatures& Cpu();

/// As Cpu(), for an explicit limit ("" = none). An unknown limit is treated as none by Cpu() after a logged warning.
CpuFeatures DetectCpu(const char* isa_limit);

}  // namespace strata
