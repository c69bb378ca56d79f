#include <array>

#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

// The first that does not refuse wins; the others say why not.
template <class Kernel, class Refuses>
const Kernel* SelectFirst(std::span<const Kernel* const> kernels, std::vector<Choice>* log, Refuses refuses) {
  for (const Kernel* kernel : kernels) {
    std::string reason = refuses(*kernel);
    const bool taken = reason.empty();
    if (log != nullptr) log->push_back({std::string(kernel->name), taken, std::move(reason)});
    if (taken) return kernel;
  }
  return nullptr;
}

}  // namespace

std::span<const LinearKernel* const> LinearKernels() {
  static constexpr auto kList = std::to_array<const LinearKernel*>({
#if defined(STRATA_KERNELS_X86)
      &kLinearQ4_0Avx512Vnni,
      &kLinearQ4_1Avx512Vnni,
      &kLinearQ5_0Avx512Vnni,
      &kLinearQ5_1Avx512Vnni,
      &kLinearQ8_0Avx512Vnni,
      &kLinearQ4_KAvx512Vnni,
      &kLinearQ5_KAvx512Vnni,
      &kLinearF32Avx512,
      &kLinearF16Avx512,
      &kLinearBF16Avx512,
#endif
      &kLinearRef,
  });
  return kList;
}

const LinearKernel* SelectLinear(const LinearProblem& problem, const CpuFeatures& cpu, std::vector<Choice>* log) {
  return SelectFirst<LinearKernel>(LinearKernels(), log,
                                   [&](const LinearKernel& kernel) { return kernel.refuses(problem, cpu); });
}

std::span<const AttentionKernel* const> AttentionKernels() {
  static constexpr auto kList = std::to_array<const AttentionKernel*>({
#if defined(STRATA_KERNELS_X86)
      &kAttentionAvx512,
#endif
      &kAttentionRef,
  });
  return kList;
}

const AttentionKernel* SelectAttention(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                       const CpuFeatures& cpu, std::vector<Choice>* log) {
  return SelectFirst<AttentionKernel>(AttentionKernels(), log, [&](const AttentionKernel& kernel) {
    return kernel.refuses(heads, kv_heads, head_dim, cpu);
  });
}

const RowKernels& SelectRowKernels(const CpuFeatures&, std::vector<Choice>* log) {
  if (log != nullptr) log->push_back({std::string(kRowsRef.name), true, ""});
  return kRowsRef;
}

}  // namespace strata::kernels
