#include <array>

#include "kernels/emulated_amx.h"
#include "kernels/emulated_tiles.h"
#include "kernels/linear_prefill_tiles.h"

namespace strata::kernels {
namespace {

#define STRATA_RUN(type, lower, format) RunPrefill<EmulatedTiles, kFormat##format>,
constexpr auto kRuns = std::to_array<decltype(LinearKernel::run)>({STRATA_INT8_TYPES(STRATA_RUN)});
#undef STRATA_RUN

}  // namespace

std::span<decltype(LinearKernel::run) const> EmulatedPrefillRuns() { return kRuns; }

}  // namespace strata::kernels
