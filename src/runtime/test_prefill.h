// For tests: linears for prompts that any machine has, so that what the phases promise is tested where there is no AMX.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace strata {

/// The integer linears of these activations: their bits differ from those of the other, and they read the same weights.
/// None where the processor has only the reference kernel, which takes activations as they are.
inline std::span<const kernels::LinearKernel> PrefillLinearsOf(kernels::Activations activations) {
  static std::map<kernels::Activations, std::vector<kernels::LinearKernel>> lists;
  std::vector<kernels::LinearKernel>& list = lists[activations];
  if (!list.empty()) return list;
  for (const DType type : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0}) {
    const kernels::LinearKernel* kernel = kernels::SelectLinear({type, kernels::kPanel, 32, activations}, Cpu());
    if (kernel == kernels::LinearKernels().back()) continue;
    list.push_back(*kernel);
    list.back().refuses = [](const kernels::LinearProblem&, const CpuFeatures&) { return std::string(); };
  }
  return list;
}

}  // namespace strata
