#include "kernels/attention_tiles.h"
#include "kernels/emulated_amx.h"
#include "kernels/emulated_tiles.h"

namespace strata::kernels {
namespace {

// As if the processor had tiles.
std::string Refuses(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim, const CpuFeatures& cpu) {
  CpuFeatures able = cpu;
  able.amx = true;
  return AttentionKernels().front()->refuses(heads, kv_heads, head_dim, able);
}

}  // namespace

constinit const AttentionKernel kEmulatedAttentionAmx =
    TileAttention<EmulatedTiles>::Kernel("attention_amx_emulated", Refuses);

}  // namespace strata::kernels
