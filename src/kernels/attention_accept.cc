// When the vector attention kernels apply; apart from their files, which are compiled for one instruction set.
#include <fmt/format.h>

#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

std::string RefusesShape(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  if (heads % kv_heads != 0) return fmt::format("{} heads do not share {} KV heads evenly", heads, kv_heads);
  if (head_dim % 16 != 0) return fmt::format("head_dim = {} is not a multiple of 16", head_dim);
  if (head_dim > kMaxHeadDim) return fmt::format("head_dim = {} is over {}", head_dim, kMaxHeadDim);
  return "";
}

}  // namespace

#if defined(STRATA_KERNELS_X86)
std::string RefusesAttentionAmx(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                const CpuFeatures& cpu) {
  if (!cpu.amx) return "needs amx";
  if (head_dim % 32 != 0) return fmt::format("head_dim = {} is not a multiple of 32", head_dim);
  return RefusesAttentionAvx512Bf16(heads, kv_heads, head_dim, cpu);
}

std::string RefusesAttentionAvx512Bf16(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                       const CpuFeatures& cpu) {
  if (!cpu.avx512_bf16) return "needs avx512 bf16";
  return RefusesAttentionAvx512Vnni(heads, kv_heads, head_dim, cpu);
}

std::string RefusesAttentionAvx512Vnni(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                       const CpuFeatures& cpu) {
  if (!cpu.avx512 || !cpu.avx512_vnni) return "needs avx512 vnni";
  return RefusesShape(heads, kv_heads, head_dim);
}

std::string RefusesAttentionAvx512(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                   const CpuFeatures& cpu) {
  if (!cpu.avx512) return "needs avx512";
  return RefusesShape(heads, kv_heads, head_dim);
}

std::string RefusesAttentionAvx2(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                 const CpuFeatures& cpu) {
  if (!cpu.avx2) return "needs avx2";
  return RefusesShape(heads, kv_heads, head_dim);
}
#elif defined(STRATA_KERNELS_NEON)
std::string RefusesAttentionNeon(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                 const CpuFeatures& cpu) {
  if (!cpu.neon) return "needs neon";
  return RefusesShape(heads, kv_heads, head_dim);
}
#endif

}  // namespace strata::kernels
