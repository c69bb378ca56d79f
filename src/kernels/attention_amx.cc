// Flash attention over the paged cache, one of bf16 on AMX.
#include "kernels/amx_tiles.h"
#include "kernels/attention_tiles.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {

constinit const AttentionKernel kAttentionAmx = TileAttention<AmxTiles>::Kernel("attention_amx", RefusesAttentionAmx);

}  // namespace strata::kernels
