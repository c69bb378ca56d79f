// Llama 4's text model: every so many-th layer has experts and one that every token goes to, of which a token's one is
// weighed by a sigmoid before it; some layers are not rotated, the others see their own chunk of positions.
#include <algorithm>

#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {
    "num_local_experts",      "num_experts_per_tok", "attention_chunk_size",    "no_rope_layers",
    "no_rope_layer_interval", "use_qk_norm",         "attn_temperature_tuning", "layer_types"};

constexpr HfModule kLayerModules[] = {{"feed_forward.gate_proj", "ffn_gate"},
                                      {"feed_forward.up_proj", "ffn_up"},
                                      {"feed_forward.down_proj", "ffn_down"},
                                      {"feed_forward.router", "ffn_gate_inp"},
                                      {"feed_forward.shared_expert.gate_proj", "ffn_gate_shexp"},
                                      {"feed_forward.shared_expert.up_proj", "ffn_up_shexp"},
                                      {"feed_forward.shared_expert.down_proj", "ffn_down_shexp"}};
constexpr HfTensor kLayerTensors[] = {{"feed_forward.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
                                      {"feed_forward.experts.down_proj", "ffn_down_exps.weight"}};

/// intermediate_size is an expert's, intermediate_size_mlp that of layers without.
Status ReadExperts(const JsonFields& fields, ModelConfig& config) {
  ExpertsConfig experts{
      .ffn = config.ffn, .shared_ffn = config.ffn, .scoring = ExpertsConfig::Scoring::kSigmoid, .weigh_input = true};
  STRATA_TRY(config.ffn, ReadIntegerOr(fields, "intermediate_size_mlp", 16384, 1));
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_local_experts", 16, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", 1, 1));
  STRATA_TRY(experts.step, ReadIntegerOr(fields, "interleave_moe_layer_step", 1, 1));
  const nlohmann::json* listed = fields.Find("moe_layers");
  if (listed != nullptr) {
    std::vector<std::int64_t> stepped;
    for (std::int64_t layer = experts.step - 1; layer < config.layers; layer += experts.step) stepped.push_back(layer);
    STRATA_TRY(const std::vector<std::int64_t> layers, fields.IntegerOrList("moe_layers"));
    if (layers != stepped)
      return fields.Bad(ErrorCode::kUnsupported, "moe_layers", "are not each {}th layer", experts.step);
  }
  config.experts = experts;
  return CheckExperts(fields, experts);
}

/// Which layers are rotated: a list of 0 and 1, or all but every so many-th.
Result<std::vector<std::int64_t>> ReadRotated(const JsonFields& fields, const ModelConfig& config) {
  STRATA_TRY(std::vector<std::int64_t> rotated, fields.IntegerOrList("no_rope_layers"));
  STRATA_TRY(const std::int64_t interval, ReadIntegerOr(fields, "no_rope_layer_interval", 4, 1));
  if (rotated.empty()) {
    for (std::int64_t layer = 0; layer < config.layers; ++layer) rotated.push_back((layer + 1) % interval != 0);
  }
  if (static_cast<std::int64_t>(rotated.size()) == config.layers) return rotated;
  return fields.Bad(ErrorCode::kCorrupt, "no_rope_layers", "has {} values for {} layers", rotated.size(),
                    config.layers);
}

Status ReadLayers(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const std::vector<std::int64_t> rotated, ReadRotated(fields, config));
  STRATA_TRY(const auto tuned, fields.Boolean("attn_temperature_tuning"));
  STRATA_TRY(const std::int64_t floor, ReadIntegerOr(fields, "floor_scale", 8192, 2));
  // Queries of layers without rotation are scaled by their position from here on; before, by 1. As with other positions
  // that change with the length, no longer contexts are served.
  const bool all = std::ranges::all_of(rotated, [](std::int64_t layer) { return layer != 0; });
  if (tuned.value_or(true) && !all) config.max_positions = std::min(config.max_positions, floor - 1);
  STRATA_TRY(const std::int64_t given, ReadIntegerOr(fields, "attention_chunk_size", 8192, 1));
  const std::int64_t chunk = given < config.max_positions ? given : 0;
  const nlohmann::json* kinds = fields.Find("layer_types");
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    const bool rotates = rotated[i] != 0;
    if (kinds != nullptr && (!kinds->is_array() || kinds->size() != rotated.size() ||
                             (*kinds)[i] != (rotates ? "chunked_attention" : "full_attention"))) {
      return fields.Bad(ErrorCode::kUnsupported, "layer_types", "do not follow no_rope_layers");
    }
    config.layer_attention.push_back({.chunk = rotates ? chunk : 0, .rotated = rotates});
  }
  return {};
}

Status Read(const JsonFields& fields, ModelConfig& config) {
  config.rope_layout = RopeLayout::kInterleaved;
  STRATA_TRY(const auto norm, fields.Boolean("use_qk_norm"));
  config.unit_qk_norm = norm.value_or(true);
  STRATA_CHECK(ReadExperts(fields, config));
  return ReadLayers(fields, config);
}

}  // namespace

constexpr HfFamily kHfLlama4Text = {.model_type = "llama4_text",
                                    .class_name = "Llama4ForCausalLM",
                                    .architecture = "llama4",
                                    .max_positions = 4096 * 32,
                                    .kv_heads = 8,
                                    .head_dim = 128,
                                    .norm_eps = 1e-5,
                                    .rope_theta = 500000,
                                    .has_biases = true,
                                    .fields = kFields,
                                    .read = Read,
                                    .layer_modules = kLayerModules,
                                    .layer_tensors = kLayerTensors,
                                    .stacks = HfStacks::kColumns};

}  // namespace strata
