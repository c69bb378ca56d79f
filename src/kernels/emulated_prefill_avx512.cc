#include <array>

#include "kernels/emulated_prefill.h"
#include "kernels/emulated_tiles.h"
#include "kernels/linear_bf16_tiles.h"

namespace strata::kernels {
namespace {

constexpr auto kRuns = std::to_array<decltype(LinearKernel::run)>({
    RunBF16<EmulatedTiles, kFormatQ4_0>,
    RunBF16<EmulatedTiles, kFormatQ4_1>,
    RunBF16<EmulatedTiles, kFormatQ5_0>,
    RunBF16<EmulatedTiles, kFormatQ5_1>,
    RunBF16<EmulatedTiles, kFormatQ8_0>,
    RunBF16<EmulatedTiles, kFormatQ4_K>,
    RunBF16<EmulatedTiles, kFormatQ5_K>,
});

}  // namespace

std::span<decltype(LinearKernel::run) const> EmulatedRuns() { return kRuns; }

}  // namespace strata::kernels
