// Element types: plain numbers, the block-quantised formats of GGUF (ggml's bit layouts, as written in model files),
// and strata's own blocks, in which the parts that Hugging Face checkpoints keep in tensors of their own are together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kF64,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ8_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ8_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kTQ1_0,
  kTQ2_0,
  kIQ1_S,
  kIQ1_M,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ2_S,
  kIQ3_XXS,
  kIQ3_S,
  // Strata's own (blocks.h has the layouts): the number behind the name is how many values share a scale.
  kU4_32,  ///< d (q - zero), q in 0..15; d is f32, zero an integer: GPTQ, AWQ, compressed-tensors
  kU4_128,
  kU8_32,  ///< d (q - zero), q in 0..255
  kU8_128,
  kF8_32,  ///< d times a float8 e4m3fn; d is f32
  kF8_128,
  kNF4_64,  ///< d times one of the sixteen quantiles of "4-bit NormalFloat"; d is f32
  /// d (q - 128), q in 0..255, where all blocks of a row have the same f32 d; of linears whose file says that inputs
  /// are rounded to int8 with one scale a token (W8A8 of compressed-tensors).
  kW8A8_32,
};

struct DTypeInfo {
  std::string_view name;       ///< "f32", "q4_1", "q6_k": in IR text, logs and errors
  std::size_t block_elements;  ///< values that one block holds; 1 for plain types
  std::size_t block_bytes;
  bool quantized() const { return block_elements > 1; }
};

const DTypeInfo& Info(DType type);
std::optional<DType> DTypeFromName(std::string_view name);

/// Bytes of `elements` values; `elements` must be a multiple of the block (assert).
std::size_t BytesOf(DType type, std::size_t elements);

}  // namespace strata
