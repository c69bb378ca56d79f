// Flash attention over the paged cache on zmm.
#include "kernels/attention_avx512.h"

#include "kernels/kernel_list.h"

namespace strata::kernels {

constinit const AttentionKernel kAttentionAvx512 =
    MakeAttentionKernel<Avx512>("attention_avx512", RefusesAttentionAvx512);

}  // namespace strata::kernels
