// Inside formats: what is particular to each model_type of Hugging Face: what its config class assumes, which fields it
// has beyond the common ones, how its modules are called. One file a family, hf_family_NAME.cc; the list is in
// hf_config.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

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

/// A tensor of a layer whose name has another ending than ours, both whole behind the layer's number:
/// "mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight".
using HfTensor = HfModule;

/// How stacks of experts are stored.
enum class HfStacks : std::uint8_t {
  kRows,           ///< [experts, n, k], as other weights
  kColumns,        ///< [experts, k, n]
  kPairedColumns,  ///< so, and gate's columns alternate with up's
};

struct HfFamily {
  std::string_view model_type;
  std::string_view class_name;            ///< of `architectures`
  std::string_view architecture;          ///< GGUF's name
  ModelTask task = ModelTask::kGenerate;  ///< of class_name
  std::span<const HfHead> classes = {};   ///< further ones
  /// Of a model that reads more than text, of which only the decoder is read: the model_type of its text_config, which
  /// has the decoder's fields. Empty: they are not nested.
  std::string_view text_type = {};

  // What the config class assumes where config.json is silent (transformers 5.24).
  std::int64_t max_positions = 2048;
  std::int64_t kv_heads = 0;  ///< 0: as many as query heads
  std::int64_t head_dim = 0;  ///< 0: hidden_size / num_attention_heads
  std::int64_t heads = 0;     ///< 0: must be written; so for vocab
  std::int64_t vocab = 0;
  double norm_eps = 1e-6;
  double rope_theta = 10000;
  std::string_view rope_theta_field = "rope_theta";             ///< outside of rope_parameters
  std::string_view local_theta_field = "rope_local_base_freq";  ///< so, of rope_by_kind
  double rotary_factor = 1;                                     ///< partial_rotary_factor, where `fields` has it
  bool tied = false;
  std::string_view activation_field = "hidden_act";
  std::string_view activation = "silu";
  bool has_biases = false;  ///< whether attention_bias and mlp_bias mean something
  /// rope_parameters are nested, by the two kinds of layer_types (Gemma 3); those of sliding layers are unscaled.
  bool rope_by_kind = false;

  /// Fields that change what is computed, are refused of other families, and that `read` understands.
  std::span<const std::string_view> fields = {};
  /// Completes the config, which has what all families share but for positions, window and tokens; nullptr: nothing is
  /// to be added. Errors: kCorrupt and kUnsupported with the JSON pointer.
  Status (*read)(const JsonFields&, ModelConfig&) = nullptr;

  std::string_view prefix = "model.";  ///< of what the layers and the embeddings are, where there is a head
  std::string_view layers = "layers.";
  std::span<const HfModule> layer_modules = {};  ///< beyond kHfLayerModules; these win
  std::span<const HfModule> modules = {};        ///< outside of layers, beyond kHfModules; these win
  std::span<const HfTensor> layer_tensors = {};  ///< beyond kHfLayerTensors
  HfStacks stacks = HfStacks::kRows;
};

extern const HfFamily kHfBert, kHfModernBert, kHfRoberta, kHfXlmRoberta, kHfDeepseekV2, kHfDeepseekV3, kHfKimiK2,
    kHfGemma2, kHfGemma3, kHfGemma3Text, kHfGlm4, kHfGptOss, kHfGranite, kHfGraniteMoe, kHfLlama, kHfLlama4Text,
    kHfMistral, kHfMixtral, kHfOlmo2, kHfOlmoe, kHfPhi3, kHfQwen2, kHfQwen2Moe, kHfQwen3, kHfQwen3Moe, kHfSmolLM3;

/// For `read`: gives layers their sliding window: those that layer_types names, or where it is silent those for which
/// `slides` holds. `otherwise` is the window where sliding_window is not written; 0 = none. A window of the context's
/// length has no effect and becomes 0. Returns which layers slide. Errors: kCorrupt and kUnsupported with the pointer.
Result<std::vector<bool>> ReadSlidingWindows(const JsonFields& fields, std::int64_t otherwise,
                                             const std::function<bool(std::int64_t layer)>& slides,
                                             ModelConfig& config);

/// For `read`, of families whose layers are alike: all slide, or none where there is no window.
Status ReadOneWindow(const JsonFields& fields, std::int64_t otherwise, ModelConfig& config);

/// For `read`: a number greater than 0. Errors: kCorrupt with the pointer.
Result<double> ReadPositive(const JsonFields& fields, std::string_view field, double otherwise);

/// For `read`, of families with experts: an integer from `least` on. Errors: kCorrupt with the JSON pointer.
Result<std::int64_t> ReadIntegerOr(const JsonFields& fields, std::string_view field, std::int64_t otherwise,
                                   std::int64_t least);
/// For `read`, after the experts' count, use and groups are known: that these fit each other.
Status CheckExperts(const JsonFields& fields, const ExpertsConfig& experts);

/// The family of a model_type; nullptr when there is none.
const HfFamily* FindHfFamily(std::string_view model_type);

}  // namespace strata
