#include <array>

#include "kernels/emulated_amx.h"
#include "kernels/emulated_tiles.h"
#include "kernels/linear_w8a8_tiles.h"

namespace strata::kernels {
namespace {

constexpr auto kRuns =
    std::to_array<decltype(LinearKernel::run)>({RunW8A8<EmulatedTiles, 0>, RunW8A8<EmulatedTiles, kInputGroup>});

}  // namespace

std::span<decltype(LinearKernel::run) const> EmulatedW8A8Runs() { return kRuns; }

}  // namespace strata::kernels
