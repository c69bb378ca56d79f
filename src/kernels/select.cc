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
      &kLinearQ4_0Avx2,
      &kLinearQ4_1Avx2,
      &kLinearQ5_0Avx2,
      &kLinearQ5_1Avx2,
      &kLinearQ8_0Avx2,
      &kLinearQ4_KAvx2,
      &kLinearQ5_KAvx2,
      &kLinearF32Avx512,
      &kLinearF16Avx512,
      &kLinearBF16Avx512,
      &kLinearF32Avx2,
      &kLinearF16Avx2,
      &kLinearBF16Avx2,
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

const RowKernels& SelectRowKernels(const CpuFeatures& cpu, std::vector<Choice>* log) {
  struct Candidate {
    const RowKernels* kernels;
    bool able;
    std::string_view needs;
  };
  const Candidate candidates[] = {
#if defined(STRATA_KERNELS_X86)
      {&kRowsAvx512, cpu.avx512, "needs avx512"},
      {&kRowsAvx2, cpu.avx2, "needs avx2"},
#endif
      {&kRowsRef, true, ""},
  };
  for (const Candidate& candidate : candidates) {
    if (log != nullptr) {
      log->push_back(
          {std::string(candidate.kernels->name), candidate.able, std::string(candidate.able ? "" : candidate.needs)});
    }
    if (candidate.able) return *candidate.kernels;
  }
  return kRowsRef;
}

}  // namespace strata::kernels
