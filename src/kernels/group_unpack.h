// Inside the kernels only: stored blocks -> groups of 32 unsigned integers with scales and minimums, without loss.
// Layouts: ggml's block structs (gguf-py gguf/quants.py reads the same bytes), tensor/levels.h, tensor/scaled_blocks.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace strata::kernels {

struct UnpackedGroup {
  std::uint8_t quants[32];
  float scale[2], min[2];  ///< [1] where each 16 have their own; min of formats that store one
};

/// What the scales and minimums of a group are multiples of, by whole numbers of a signed byte: the f16 of its block.
struct SharedScales {
  float scale;
  float min;
};

/// Of Q2_K to Q6_K and IQ4_XS (assert).
SharedScales SharedScalesOf(DType type, const std::byte* row, std::int64_t g);

/// Group g of a stored row, of the types in STRATA_INT8_TYPES. Q8_0's quants are shifted by 128, Q6_K's stand by 32 and
/// Q3_K's by 4 above what they mean; those of formats with levels are codes. The minimum of u4 and u8 is what their
/// zero point leaves when 8 and 128 are taken off.
void UnpackGroup(DType type, const std::byte* row, std::int64_t g, UnpackedGroup& out);

}  // namespace strata::kernels
