// What weights may become.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "quantize/rounded_groups.h"
#include "tensor/dtype.h"

namespace strata::quantize {

/// Integers or float8 with scales beside them, in a Hugging Face folder (compressed-tensors).
struct GroupScheme {
  GroupFormat weights;
  bool round_activations = false;  ///< the file tells to round activations to the same type, by the token
};

/// GGUF's blocks. Rows that are no whole blocks of it become `fallback`.
struct BlockScheme {
  DType dtype;
  DType fallback;
  std::uint32_t file_type;  ///< llama_ftype
};

struct Scheme {
  std::string name;
  std::variant<GroupScheme, BlockScheme> kind;
};

/// fp8: float8 e4m3 by output channel; w8a8, w8a16, w4a16: integers by output channel, or with -gN by groups of N
/// inputs (w4a16 has -g128 unless it says another), -asym with zero points, which are finer (transformers 5.24 with
/// compressed-tensors 0.20 fails on files that have them); q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0: GGUF's.
/// Errors: kInvalidArgument that lists them.
Result<Scheme> ParseScheme(std::string_view name);

}  // namespace strata::quantize
