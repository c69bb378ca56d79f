// For tests: the kernels on AMX with emulated tiles (emulated_tiles.h): the same source, compiled a second time, in a
// library of its own that no shipped binary links.
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace strata::kernels {

/// PrefillLinears(), then those of LinearKernels() that are on AMX, with "_emulated" behind their names. They need
/// AVX-512 with bf16 and VNNI, not AMX.
std::span<const LinearKernel> EmulatedAmxLinears();

extern const AttentionKernel kEmulatedAttentionAmx;

/// Inside the emulation only: the loops, in that order.
std::span<decltype(LinearKernel::run) const> EmulatedPrefillRuns();
std::span<decltype(LinearKernel::run) const> EmulatedW8A8Runs();
std::span<decltype(LinearKernel::run) const> EmulatedBF16Runs();

}  // namespace strata::kernels
