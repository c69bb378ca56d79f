// Flash attention over the paged cache on zmm, a cache of bf16 by vdpbf16ps.
#include "kernels/attention_avx512_bf16.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {

constinit const AttentionKernel kAttentionAvx512Bf16 =
    MakeAttentionKernel<Avx512Bf16>("attention_avx512bf16", RefusesAttentionAvx512Bf16);

}  // namespace strata::kernels
