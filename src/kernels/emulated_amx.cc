#include "kernels/emulated_amx.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/linear_float.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

const std::vector<LinearKernel>& Originals() {
  static const std::vector<LinearKernel> list = [] {
    std::vector<LinearKernel> kernels(PrefillLinears().begin(), PrefillLinears().end());
    for (const LinearKernel* kernel : LinearKernels()) {
      if (kernel->name.ends_with("_amx")) kernels.push_back(*kernel);
    }
    return kernels;
  }();
  return list;
}

// As if the processor had tiles.
template <std::size_t kIndex>
std::string Refuses(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.avx512_bf16 || !cpu.avx512_vnni) return "needs avx512 bf16 and vnni";
  CpuFeatures able = cpu;
  able.amx = true;
  return Originals()[kIndex].refuses(problem, able);
}

#define STRATA_NAME(type, lower, ...) #lower,
constexpr std::size_t kCount =
    std::to_array<std::string_view>(
        {STRATA_INT8_TYPES(STRATA_NAME) STRATA_INT8_TYPES(STRATA_NAME) STRATA_PANEL_FLOATS(STRATA_NAME)})
        .size() +
    2;
#undef STRATA_NAME
template <std::size_t... kIndices>
constexpr auto RefusesOf(std::index_sequence<kIndices...>) {
  return std::to_array<decltype(LinearKernel::refuses)>({Refuses<kIndices>...});
}
constexpr auto kRefuses = RefusesOf(std::make_index_sequence<kCount>());

}  // namespace

std::span<const LinearKernel> EmulatedAmxLinears() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const LinearKernel& kernel : Originals()) list.push_back(std::string(kernel.name) + "_emulated");
    return list;
  }();
  static const std::vector<LinearKernel> kernels = [] {
    std::vector<LinearKernel> list = Originals();
    std::vector<decltype(LinearKernel::run)> runs;
    for (const auto& some : {EmulatedPrefillRuns(), EmulatedW8A8Runs(), EmulatedBF16Runs()}) {
      runs.insert(runs.end(), some.begin(), some.end());
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].name = names[i];
      list[i].refuses = kRefuses.at(i);
      list[i].run = runs.at(i);
    }
    return list;
  }();
  return kernels;
}

}  // namespace strata::kernels
