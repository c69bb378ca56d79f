#include "base/cpu_features.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include <fmt/ranges.h>

#include "base/log.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace strata {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kLimits[] = {"ref", "neon"};
#elif defined(__x86_64__)
constexpr std::string_view kLimits[] = {"ref", "avx2", "avx512"};

// Tiles are 8 KiB of state that Linux saves for a process only once it has asked (Documentation/arch/x86/xstate.rst).
// A refusal, of an old kernel or of a hypervisor that hides the state, is an answer too.
bool MayUseTiles() {
  constexpr int kRequestPermission = 0x1023;                    // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;                                 // XFEATURE_XTILE_DATA
  constexpr unsigned kNeeded = 1U << 22 | 1U << 24 | 1U << 25;  // bf16, tiles, int8
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kNeeded) != kNeeded) return false;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#else
constexpr std::string_view kLimits[] = {"ref"};
#endif

}  // namespace

CpuFeatures DetectCpu(const char* isa_limit) {
  CpuFeatures features;
  const std::string_view limit = isa_limit == nullptr ? "" : isa_limit;
  if (limit == "ref") return features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  features.avx_vnni = features.avx2 && __builtin_cpu_supports("avxvnni");
  if (limit == "avx2") return features;
  features.avx512 = features.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  features.avx512_vnni = features.avx512 && __builtin_cpu_supports("avx512vnni");
  features.avx512_bf16 = features.avx512 && __builtin_cpu_supports("avx512bf16");
  features.avx512_bf16_fast = features.avx512_bf16 && __builtin_cpu_is("amd");
  features.avx512_halves = features.avx512 && __builtin_cpu_is("amdfam19h");
  features.avx512_vbmi = features.avx512 && __builtin_cpu_supports("avx512vbmi");
  features.amx = limit != "avx512" && features.avx512_bf16 && MayUseTiles();
#elif defined(__aarch64__)
  const unsigned long has = ::getauxval(AT_HWCAP);
  features.neon = (has & HWCAP_ASIMD) != 0;
  features.neon_dotprod = features.neon && limit != "neon" && (has & HWCAP_ASIMDDP) != 0;
#endif
  return features;
}

const CpuFeatures& Cpu() {
  static const CpuFeatures features = [] {
    const char* limit = std::getenv("STRATA_ISA");
    const std::string_view name = limit == nullptr ? "" : limit;
    if (!name.empty() && std::ranges::find(kLimits, name) == std::end(kLimits)) {
      LogWarning("STRATA_ISA={} is not one of {}; using all that the processor has", name, fmt::join(kLimits, ", "));
    }
    return DetectCpu(limit);
  }();
  return features;
}

std::string CpuFeatures::ToString() const {
  std::string text = avx512 ? "avx512" : avx2 ? "avx2" : neon ? "neon" : "ref";
  if (avx512_vnni) text += "+vnni";
  if (avx512_bf16) text += avx512_bf16_fast ? "+fastbf16" : "+bf16";
  if (avx512_vbmi) text += "+vbmi";
  if (avx512_halves) text += "+halves";
  if (avx_vnni) text += "+avxvnni";
  if (amx) text += "+amx";
  if (neon_dotprod) text += "+dotprod";
  return text;
}

}  // namespace strata
