// Element types: plain numbers and the block-quantised formats of GGUF (ggml's bit layouts, as written in model files).
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
