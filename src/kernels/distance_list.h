// Inside the kernels only, as kernel_list.h: the implementations of distance.h.
#pragma once

#include "kernels/distance.h"

namespace strata::kernels {

#if defined(STRATA_KERNELS_X86)
extern const DistanceKernels kDistanceAvx512;
extern const DistanceKernels kDistanceAvx2;
#elif defined(STRATA_KERNELS_NEON)
extern const DistanceKernels kDistanceNeon;
#endif
extern const DistanceKernels kDistanceRef;

}  // namespace strata::kernels
