// Inside the kernels only: the implementations that select.cc puts in order, one object per file that defines it.
#pragma once

#include "kernels/kernels.h"
#include "kernels/latent_attention.h"

namespace strata::kernels {

extern const LinearKernel kLinearRef;
std::span<const LinearKernel> W8A8Linears();
#if defined(STRATA_KERNELS_X86)
std::span<const LinearKernel> Int8LinearsAvx512Vnni();
std::span<const LinearKernel> Int8LinearsAvx2();
std::span<const LinearKernel> FloatLinears();
std::span<const LinearKernel> PrefillLinearsAmx();
std::span<const LinearKernel> Int8LinearsBF16();
std::span<const LinearKernel> FloatLinearsBF16();
extern const AttentionKernel kAttentionAmx;
extern const AttentionKernel kAttentionAvx512Bf16;
extern const AttentionKernel kAttentionAvx512Vnni;
extern const AttentionKernel kAttentionAvx512;
extern const AttentionKernel kAttentionAvx2;
extern const LatentKernel kLatentAvx512;
extern const LatentKernel kLatentAvx2;
extern const RowKernels kRowsAvx512;
extern const RowKernels kRowsAvx2;

std::string RefusesLatentAvx512(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu);
std::string RefusesLatentAvx2(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu);

std::string RefusesAttentionAmx(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                const CpuFeatures& cpu);
std::string RefusesAttentionAvx512Bf16(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                       const CpuFeatures& cpu);
std::string RefusesAttentionAvx512Vnni(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                       const CpuFeatures& cpu);
std::string RefusesAttentionAvx512(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                   const CpuFeatures& cpu);
std::string RefusesAttentionAvx2(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                 const CpuFeatures& cpu);
#elif defined(STRATA_KERNELS_NEON)
std::span<const LinearKernel> Int8LinearsNeonDot();
std::span<const LinearKernel> FloatLinears();
extern const AttentionKernel kAttentionNeon;
extern const LatentKernel kLatentNeon;
extern const RowKernels kRowsNeon;

std::string RefusesLatentNeon(std::int64_t kv_rank, std::int64_t rope_dim, const CpuFeatures& cpu);
std::string RefusesAttentionNeon(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                                 const CpuFeatures& cpu);
#endif
extern const AttentionKernel kAttentionRef;
extern const LatentKernel kLatentRef;
extern const RowKernels kRowsRef;

/// The vector attention kernels keep a head's rotary angles on the stack.
inline constexpr std::int64_t kMaxHeadDim = 512;

/// The vector kernels of latent attention keep their lanes' queries and outputs on the stack.
inline constexpr std::int64_t kMaxLatentWidth = 1024;

/// Of RowKernels::softmax: it computes powers of two, none under the least normal number.
inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kLeastPower = -126;

/// RowKernels::embed for every instruction set: a row is unpacked once a token, which Dequantize does fast enough.
void EmbedRow(const TensorView& table, std::int32_t token, float* out);

}  // namespace strata::kernels
