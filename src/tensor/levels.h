// Formats whose values are one of sixteen small integers times a scale: the 4-bit lists (IQ4_NL, IQ4_XS, MXFP4), the
// ternary ones (TQ1_0, TQ2_0), and the i-quants of one to three bits, whose grids hold few magnitudes with signs. All
// of them unpack without loss to codes of four bits, which is what the integer kernels multiply.
//
//   LevelGroup group;
//   UnpackLevels(DType::kIQ3_S, row, g, group);
//   // value i of the group: group.scale[i / 16] * LevelsOf(DType::kIQ3_S)[group.codes[i]], exactly
//
// Source of the layouts: ggml's block structs (gguf-py gguf/quants.py is the golden reference). MXFP4: OCP Microscaling
// Formats (MX) 1.0, whose e8m0 scale of 255 (NaN there) is 2^128 as in ggml.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace strata {

using Levels = std::array<std::int8_t, 16>;

struct LevelGroup {
  std::uint8_t codes[32];
  float scale[2];  ///< of each half of the group; equal where a format has one scale for all 32
};

bool HasLevels(DType type);
/// What the codes mean. `type` must have levels (assert); so below.
const Levels& LevelsOf(DType type);
/// Group g (of 32) of a stored row.
void UnpackLevels(DType type, const std::byte* row, std::int64_t g, LevelGroup& out);

}  // namespace strata
