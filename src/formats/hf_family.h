// Inside formats: what is particular to each model_type of Hugging Face: what its config class assumes, which fields it
// has beyond the common ones, how its modules are called. One file a family, hf_family_NAME.cc; the list is in
// hf_config.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "formats/hf_json.h"
#include "formats/model_config.h"

namespace strata {

/// A module's name in the checkpoint and the canonical one, both without ".weight"; in a layer both begin behind the
/// layer's number. '*' stands for the same number in both: "mlp.experts.*.gate_proj", "ffn_gate_exps.*".
struct HfModule {
  std::string_view theirs, ours;
};

struct HfFamily {
  std::string_view model_type;
  std::string_view class_name;    ///< of `architectures`
  std::string_view architecture;  ///< GGUF's name

  // What the config class assumes where config.json is silent (transformers 5.24).
  std::int64_t max_positions = 2048;
  std::int64_t kv_heads = 0;        ///< 0: as many as query heads
  std::int64_t sliding_window = 0;  ///< 0: none
  bool has_biases = false;          ///< whether attention_bias and mlp_bias mean something

  /// Fields that change what is computed, are refused of other families, and that `read` understands.
  std::span<const std::string_view> fields = {};
  /// Completes the config, which has what all families share but for positions, window and tokens; nullptr: nothing is
  /// to be added. Errors: kCorrupt and kUnsupported with the JSON pointer.
  Status (*read)(const JsonFields&, ModelConfig&) = nullptr;

  std::span<const HfModule> layer_modules = {};  ///< beyond kHfLayerModules; these win
  std::span<const HfModule> layer_tensors = {};  ///< in layers, whole names: where both end differently
  std::span<const HfModule> modules = {};        ///< outside of layers, beyond kHfModules; these win
};

extern const HfFamily kHfLlama, kHfMistral, kHfDeepseekV2, kHfDeepseekV3, kHfKimiK2;

/// The family of a model_type; nullptr when there is none.
const HfFamily* FindHfFamily(std::string_view model_type);

}  // namespace strata
