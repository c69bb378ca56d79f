// Qwen 2, 2.5 and 3: Llamas with biases of queries, keys and values (2) or norms of their heads (3). Where
// use_sliding_window says so, layers from max_window_layers on have a window.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"sliding_window", "use_sliding_window", "max_window_layers", "layer_types"};

Status ReadWindows(const JsonFields& fields, ModelConfig& config) {
  constexpr std::int64_t kWindow = 4096;
  constexpr std::int64_t kWholeLayers = 28;
  STRATA_TRY(const auto use, fields.Boolean("use_sliding_window"));
  STRATA_TRY(const auto whole, fields.Integer("max_window_layers"));
  const auto slides = [&](std::int64_t layer) { return use.value_or(false) && layer >= whole.value_or(kWholeLayers); };
  STRATA_TRY(const std::vector<bool> sliding, ReadSlidingWindows(fields, kWindow, slides, config));
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    if (!sliding[i] || use.value_or(false)) continue;
    return fields.Bad(ErrorCode::kCorrupt, fmt::format("layer_types/{}", i),
                      "sliding_attention, but use_sliding_window is false");
  }
  return {};
}

Status ReadQwen2(const JsonFields& fields, ModelConfig& config) {
  config.attention_bias = true;
  return ReadWindows(fields, config);
}

/// Without a head: an embedding model's.
constexpr HfHead kQwen3Bare[] = {{"Qwen3Model", ModelTask::kEmbed}};

constexpr HfModule kQwen3Modules[] = {{"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"}};

}  // namespace

constexpr HfFamily kHfQwen2 = {.model_type = "qwen2",
                               .class_name = "Qwen2ForCausalLM",
                               .architecture = "qwen2",
                               .max_positions = 32768,
                               .kv_heads = 32,
                               .fields = kFields,
                               .read = ReadQwen2};

constexpr HfFamily kHfQwen3 = {.model_type = "qwen3",
                               .class_name = "Qwen3ForCausalLM",
                               .architecture = "qwen3",
                               .classes = kQwen3Bare,
                               .max_positions = 32768,
                               .kv_heads = 32,
                               .head_dim = 128,
                               .has_biases = true,
                               .fields = kFields,
                               .read = ReadWindows,
                               .layer_modules = kQwen3Modules};

}  // namespace strata
