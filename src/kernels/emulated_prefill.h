// For tests: PrefillLinears() on emulated tiles (emulated_tiles.h): the same source, compiled a second time, in a
// library of its own that no shipped binary links.
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace strata::kernels {

/// In the order of PrefillLinears(), with "_emulated" behind their names. They need AVX-512 with bf16, not AMX.
std::span<const LinearKernel> EmulatedPrefillLinears();

/// Inside the emulation only: the loops, in the order of PrefillLinears().
std::span<decltype(LinearKernel::run) const> EmulatedRuns();

}  // namespace strata::kernels
