#include "kernels/emulated_prefill.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

// As if the processor had tiles.
template <std::size_t kIndex>
std::string Refuses(const LinearProblem& problem, const CpuFeatures& cpu) {
  if (!cpu.avx512_bf16) return "needs avx512 bf16";
  CpuFeatures able = cpu;
  able.amx = true;
  return PrefillLinears()[kIndex].refuses(problem, able);
}

#define STRATA_COUNT(type, lower, format) +1
constexpr std::size_t kCount = STRATA_INT8_TYPES(STRATA_COUNT);
#undef STRATA_COUNT
template <std::size_t... kIndices>
constexpr auto RefusesOf(std::index_sequence<kIndices...>) {
  return std::to_array<decltype(LinearKernel::refuses)>({Refuses<kIndices>...});
}
constexpr auto kRefuses = RefusesOf(std::make_index_sequence<kCount>());

}  // namespace

std::span<const LinearKernel> EmulatedPrefillLinears() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const LinearKernel& kernel : PrefillLinears()) list.push_back(std::string(kernel.name) + "_emulated");
    return list;
  }();
  static const std::vector<LinearKernel> kernels = [] {
    std::vector<LinearKernel> list(PrefillLinears().begin(), PrefillLinears().end());
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].name = names[i];
      list[i].refuses = kRefuses.at(i);
      list[i].run = EmulatedRuns()[i];
    }
    return list;
  }();
  return kernels;
}

}  // namespace strata::kernels
