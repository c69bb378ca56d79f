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

/// One of a family's classes that puts something else on the layers than HfFamily::class_name does.
struct HfHead {
  std::string_view class_name;
  ModelTask task;
  std::span<const HfModule> modules = {};  ///< by their whole names
};

struct HfFamily {
  std::string_view model_type;
  std::string_view class_name;            ///< of `architectures`
  std::string_view architecture;          ///< GGUF's name
  ModelTask task = ModelTask::kGenerate;  ///< of class_name
  std::span<const HfHead> heads = {};     ///< further classes

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

  std::string_view prefix = "model.";  ///< of what the layers and the embeddings are, where there is a head
  std::string_view layers = "layers.";
  std::span<const HfModule> layer_modules = {};  ///< beyond kHfLayerModules; these win
  std::span<const HfModule> modules = {};        ///< outside of layers, beyond kHfModules; these win
};

extern const HfFamily kHfBert, kHfLlama, kHfMistral, kHfRoberta, kHfXlmRoberta;

/// The family of a model_type; nullptr when there is none.
const HfFamily* FindHfFamily(std::string_view model_type);

}  // namespace strata
