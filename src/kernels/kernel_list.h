// Inside the kernels only: the implementations that select.cc puts in order, one object per file that defines it.
#pragma once

#include "kernels/kernels.h"

namespace strata::kernels {

extern const LinearKernel kLinearRef;
extern const AttentionKernel kAttentionRef;
extern const RowKernels kRowsRef;

}  // namespace strata::kernels
