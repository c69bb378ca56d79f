// When the vector kernels of latent attention apply; apart from their files, which are compiled for one instruction
// set.
#include <fmt/format.h>

#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

std::string RefusesShape(std::int64_t kv_rank, std::int64_t rope_dim) {
  const std::int64_t width = kv_rank + rope_dim;
  return width > kMaxLatentWidth ? fmt::format("rows of {} values are over {}", width, kMaxLatentWidth) : "";
}

}  // namespace

#if defined(STRATA_KERNELS_X86)
std::string RefusesLatentAvx512(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu) {
  return cpu.avx512 ? RefusesShape(kv_rank, rope_dim) : "needs avx512";
}

std::string RefusesLatentAvx2(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu) {
  return cpu.avx2 ? RefusesShape(kv_rank, rope_dim) : "needs avx2";
}
#elif defined(STRATA_KERNELS_NEON)
std::string RefusesLatentNeon(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu) {
  return cpu.neon ? RefusesShape(kv_rank, rope_dim) : "needs neon";
}
#endif

}  // namespace strata::kernels
