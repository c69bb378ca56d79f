// Inside formats: config.json's quantization_config: in which scheme the weights of a checkpoint are stored.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "formats/hf_json.h"
#include "formats/hf_module_targets.h"

namespace strata {

struct HfQuantConfig {
  enum class Method : std::uint8_t { kGptq, kAwq, kFp8, kCompressedTensors, kBitsAndBytes, kMxfp4 };
  Method method = Method::kGptq;
  int bits = 4;                    ///< gptq
  std::int64_t group = 0;          ///< gptq, awq: k with one scale; 0 = all
  bool zeros_less_one = false;     ///< gptq: stored zero points are one less than meant
  std::int64_t block[2] = {0, 0};  ///< float8: the block of n and k that shares a scale; 0: as the scales' shape says
  /// compressed-tensors: which modules have their inputs rounded to int8, symmetrically, with one scale for a token or
  /// a wider share of them.
  ModuleTargets int8_inputs = {};
};

/// Of config.json; nullopt when there is nothing quantised. Errors, with the JSON pointer: kUnsupported for a method,
/// version or feature that is not read; kCorrupt.
Result<std::optional<HfQuantConfig>> ReadHfQuantConfig(const JsonFields& config);

}  // namespace strata
