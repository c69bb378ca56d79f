#include <array>

#include "kernels/distance_list.h"
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

// Kernels that ask nothing but an instruction set.
template <class Kernels>
struct Candidate {
  const Kernels* kernels;
  bool able;
  std::string_view needs;
};

// The last one is able.
template <class Kernels>
const Kernels& SelectFirstAble(std::span<const Candidate<Kernels>> candidates, std::vector<Choice>* log) {
  for (const Candidate<Kernels>& candidate : candidates) {
    if (log != nullptr) {
      log->push_back(
          {std::string(candidate.kernels->name), candidate.able, std::string(candidate.able ? "" : candidate.needs)});
    }
    if (candidate.able) return *candidate.kernels;
  }
  return *candidates.back().kernels;
}

}  // namespace

std::string_view NameOf(Activations activations) {
  constexpr std::string_view kNames[] = {"int16", "int8", "int8-columns", "bf16", "exact"};
  return kNames[static_cast<std::size_t>(activations)];
}

Activations BestActivations(DType weights, std::int64_t sequences, const CpuFeatures& cpu) {
  constexpr std::int64_t kFew = 4;  // whose weights stream by faster as integers
  return Info(weights).quantized() && cpu.amx && sequences > kFew ? Activations::kBF16 : Activations::kInt16;
}

std::span<const LinearKernel* const> LinearKernels() {
  static const std::vector<const LinearKernel*> list = [] {
    std::vector<const LinearKernel*> kernels;
    for (const LinearKernel& kernel : W8A8Linears()) kernels.push_back(&kernel);
#if defined(STRATA_KERNELS_X86)
    for (const LinearKernel& kernel : Int8LinearsBF16()) kernels.push_back(&kernel);
    for (const LinearKernel& kernel : FloatLinearsBF16()) kernels.push_back(&kernel);
    for (const LinearKernel& kernel : Int8LinearsAvx512Vnni()) kernels.push_back(&kernel);
    for (const LinearKernel& kernel : Int8LinearsAvx2()) kernels.push_back(&kernel);
    for (const LinearKernel& kernel : FloatLinears()) kernels.push_back(&kernel);
#elif defined(STRATA_KERNELS_NEON)
    for (const LinearKernel& kernel : Int8LinearsNeonDot()) kernels.push_back(&kernel);
    for (const LinearKernel& kernel : FloatLinears()) kernels.push_back(&kernel);
#endif
    kernels.push_back(&kLinearRef);
    return kernels;
  }();
  return list;
}

const LinearKernel* SelectLinear(const LinearProblem& problem, const CpuFeatures& cpu, std::vector<Choice>* log) {
  return SelectFirst<LinearKernel>(LinearKernels(), log,
                                   [&](const LinearKernel& kernel) { return kernel.refuses(problem, cpu); });
}

std::span<const LinearKernel> PrefillLinears() {
#if defined(STRATA_KERNELS_X86)
  return PrefillLinearsAmx();
#else
  return {};
#endif
}

const LinearKernel* SelectPrefillLinear(std::span<const LinearKernel> candidates, const LinearProblem& problem,
                                        const LinearKernel& kernel, const CpuFeatures& cpu, std::vector<Choice>* log) {
  for (const LinearKernel& candidate : candidates) {
    if (candidate.pack != kernel.pack) continue;
    const std::string reason = candidate.refuses(problem, cpu);
    if (log != nullptr) {
      log->push_back(
          {std::string(candidate.name), reason.empty(), "for prompts" + (reason.empty() ? "" : ": " + reason)});
    }
    if (reason.empty()) return &candidate;
  }
  return nullptr;
}

std::span<const AttentionKernel* const> AttentionKernels() {
  static constexpr auto kList = std::to_array<const AttentionKernel*>({
#if defined(STRATA_KERNELS_X86)
      &kAttentionAmx,
      &kAttentionAvx512Bf16,
      &kAttentionAvx512Vnni,
      &kAttentionAvx512,
      &kAttentionAvx2,
#elif defined(STRATA_KERNELS_NEON)
      &kAttentionNeon,
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

std::span<const LatentKernel* const> LatentKernels() {
  static constexpr auto kList = std::to_array<const LatentKernel*>({
#if defined(STRATA_KERNELS_X86)
      &kLatentAvx512,
      &kLatentAvx2,
#elif defined(STRATA_KERNELS_NEON)
      &kLatentNeon,
#endif
      &kLatentRef,
  });
  return kList;
}

const LatentKernel* SelectLatentAttention(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu,
                                          std::vector<Choice>* log) {
  return SelectFirst<LatentKernel>(LatentKernels(), log,
                                   [&](const LatentKernel& kernel) { return kernel.refuses(kv_rank, rope_dim, cpu); });
}

const RowKernels& SelectRowKernels([[maybe_unused]] const CpuFeatures& cpu, std::vector<Choice>* log) {
  const Candidate<RowKernels> candidates[] = {
#if defined(STRATA_KERNELS_X86)
      {&kRowsAvx512, cpu.avx512, "needs avx512"},
      {&kRowsAvx2, cpu.avx2, "needs avx2"},
#elif defined(STRATA_KERNELS_NEON)
      {&kRowsNeon, cpu.neon, "needs neon"},
#endif
      {&kRowsRef, true, ""},
  };
  return SelectFirstAble<RowKernels>(candidates, log);
}

const DistanceKernels& SelectDistanceKernels([[maybe_unused]] const CpuFeatures& cpu, std::vector<Choice>* log) {
  const Candidate<DistanceKernels> candidates[] = {
#if defined(STRATA_KERNELS_X86)
      {&kDistanceAvx512, cpu.avx512_vnni, "needs avx512 vnni"},
      {&kDistanceAvx2, cpu.avx2, "needs avx2"},
#elif defined(STRATA_KERNELS_NEON)
      {&kDistanceNeon, cpu.neon, "needs neon"},
#endif
      {&kDistanceRef, true, ""},
  };
  return SelectFirstAble<DistanceKernels>(candidates, log);
}

}  // namespace strata::kernels
