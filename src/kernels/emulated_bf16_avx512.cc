#include <array>

#include "kernels/emulated_amx.h"
#include "kernels/emulated_tiles.h"
#include "kernels/linear_bf16_tiles.h"

namespace strata::kernels {
namespace {

#define STRATA_RUN(type, lower, format) RunBF16<EmulatedTiles, Int8Weights<kFormat##format>>,
#define STRATA_FLOAT_RUN(name, lower) RunBF16<EmulatedTiles, FloatWeights<kTileFloat<PanelFloat::k##name>>>,
constexpr auto kRuns =
    std::to_array<decltype(LinearKernel::run)>({STRATA_INT8_TYPES(STRATA_RUN) STRATA_PANEL_FLOATS(STRATA_FLOAT_RUN)});
#undef STRATA_FLOAT_RUN
#undef STRATA_RUN

}  // namespace

std::span<decltype(LinearKernel::run) const> EmulatedBF16Runs() { return kRuns; }

}  // namespace strata::kernels
