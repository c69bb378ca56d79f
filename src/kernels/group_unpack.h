// Inside the kernels only: stored blocks -> groups of 32 unsigned integers with scales and minimums, without loss.
// Layouts: ggml's block structs (gguf-py gguf/quants.py reads the same bytes).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace strata::kernels {

struct UnpackedGroup {
  std::uint8_t quants[32];
  std::uint16_t scale_f16, min_f16;  ///< the stored bits, for formats whose scales are f16
  float scale[2], min[2];            ///< the products, for K-quants; [1] where each 16 have their own
};

/// Group g of a stored row. Types: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 (scale_f16, min_f16 set), Q2_K to Q6_K (scale, min
/// set). Q8_0's quants are shifted by 128, Q6_K's stand by 32 and Q3_K's by 4 above what they mean.
void UnpackGroup(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out);

}  // namespace strata::kernels
