// Flash attention over the paged cache on zmm, a cache of integers by vpdpwssd.
#include "kernels/attention_avx512_integers.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {

constinit const AttentionKernel kAttentionAvx512Vnni =
    MakeAttentionKernel<Avx512Integers>("attention_avx512vnni", RefusesAttentionAvx512Vnni);

}  // namespace strata::kernels
