// Flash attention over the paged cache on zmm.
#include "kernels/attention_avx512.h"

#include "kernels/kernel_list.h"

namespace strata::kernels {

constinit const AttentionKernel kAttentionAvx512 = {"attention_avx512", RefusesAttentionAvx512, RopeStore<Avx512>,
                                                    Attend<Avx512>,     AttendPart<Avx512>,     Merge<Avx512>};

}  // namespace strata::kernels
