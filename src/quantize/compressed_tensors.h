// Rounded weights as a Hugging Face folder that transformers and vLLM open (compressed-tensors).
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "formats/safetensors_writer.h"
#include "quantize/rounded_groups.h"

namespace strata::quantize {

/// The tensors that stand for `module`.weight: weight (int8 or float8) and weight_scale, or weight_packed (int32, 8 /
/// bits values a byte), weight_scale, weight_shape, and weight_zero_point where there are any. Scales are BF16.
std::vector<SafetensorsOutput> CompressedTensors(const std::string& module, const RoundedGroups& weight);

/// How a group of modules is rounded.
struct ModuleScheme {
  GroupFormat weights;
  bool round_inputs = false;  ///< to the weights' type, by the token
  bool operator==(const ModuleScheme&) const = default;
};

/// quantization_config: a group of modules for each scheme that occurs; `ignored` are linears that stay as they are.
nlohmann::ordered_json CompressedTensorsConfig(const std::vector<std::pair<std::string, ModuleScheme>>& modules,
                                               const std::vector<std::string>& ignored);

}  // namespace strata::quantize
