// Inside formats: config.json and generation_config.json of a Hugging Face folder. What would change the result and is
// not implemented is refused by name, never ignored. The reference is transformers' config classes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/hf_family.h"
#include "formats/hf_json.h"
#include "formats/hf_quant_config.h"
#include "formats/model_config.h"

namespace strata {

struct HuggingFaceConfig {
  ModelConfig config;
  const HfFamily* family;
  const HfHead* head;  ///< of the family's; nullptr: that of its class_name
  std::optional<HfQuantConfig> quantization;
};
/// `name` stands for the file in errors. Errors, all with a JSON pointer: kCorrupt for a missing, mistyped or
/// impossible field; kUnsupported for a model type or a feature that is not implemented.
Result<HuggingFaceConfig> ParseHuggingFaceConfig(std::string_view config_json, const std::string& name);

struct HuggingFaceGeneration {
  GenerationDefaults defaults;  ///< the values that are present, whatever do_sample says (as vLLM has it)
  std::vector<std::int32_t> eos_token_ids;
};
/// Errors as above. `vocab` bounds the token ids.
Result<HuggingFaceGeneration> ParseGenerationConfig(std::string_view generation_config_json, const std::string& name,
                                                    std::int64_t vocab);

/// Rotary positions: rope_parameters (transformers 5) or rope_scaling with `type` or `rope_type` (before), rope_theta.
/// Needs config's shape; fills rope_theta, local_rope_theta, rotary_dim, rope_scaling and, under longrope,
/// max_positions.
Status ReadHuggingFaceRope(const JsonFields& fields, const HfFamily& family, ModelConfig& config);

}  // namespace strata
