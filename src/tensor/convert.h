// Reference conversions between stored formats and f32. Exact by definition of the formats; speed is secondary here:
// the kernels have their own unpackers, which are tested against these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/tensor_view.h"

namespace strata {

float F16ToF32(std::uint16_t bits);
std::uint16_t F32ToF16(float value);  ///< round to nearest even; overflow gives infinity
inline float BF16ToF32(std::uint16_t bits) { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }
std::uint16_t F32ToBF16(float value);  ///< round to nearest even; NaN stays NaN
/// e4m3fn (OCP 8-bit floating point 1.0): no infinities, 0x7f and 0xff are NaN.
float F8ToF32(std::uint8_t bits);
/// 2^(bits - 128): half of what an e8m0 scale says, which levels twice as large make up for.
float HalfOfE8M0(std::uint8_t bits);

/// out[i] = the i-th value of `blocks`. blocks.size() == BytesOf(type, out.size()).
/// Source of the layouts: ggml's quantised block structs (gguf-py gguf/quants.py is the golden reference); levels.h;
/// scaled_blocks.h.
/// Errors: kUnsupported for integer, Q8_1 and Q8_K types.
Status Dequantize(DType type, std::span<const std::byte> blocks, std::span<float> out);

/// The whole tensor as f32, row-major. Errors as above.
Result<std::vector<float>> DequantizeTensor(const TensorView& tensor);

/// Rounds f32 values into `type` by ggml's reference rule (absmax / min-max per block of 32).
/// Types: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0; others kUnsupported. Used by tests and tools to make data.
Result<std::vector<std::byte>> Quantize(DType type, std::span<const float> values);

}  // namespace strata
