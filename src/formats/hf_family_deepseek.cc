// DeepSeek V2 and V3, and Kimi K2, which is a V3 of another shape: latent attention, and a mixture of experts behind
// the first layers. The references are transformers' configuration_deepseek_v2.py and _v3.py and, for what these do not
// read (scoring_func, topk_method, moe_layer_freq), the code that was published with the models.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {
    "kv_lora_rank",          "q_lora_rank",         "n_routed_experts",        "n_shared_experts",
    "moe_intermediate_size", "num_experts_per_tok", "num_nextn_predict_layers"};

constexpr HfModule kLayerModules[] = {{"self_attn.q_a_proj", "attn_q_a"},
                                      {"self_attn.q_a_layernorm", "attn_q_a_norm"},
                                      {"self_attn.q_b_proj", "attn_q_b"},
                                      {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
                                      {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
                                      {"self_attn.kv_b_proj", "attn_kv_b"},
                                      {"mlp.gate", "ffn_gate_inp"},
                                      {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
                                      {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
                                      {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
                                      {"mlp.experts.*.gate_proj", "ffn_gate_exps.*"},
                                      {"mlp.experts.*.up_proj", "ffn_up_exps.*"},
                                      {"mlp.experts.*.down_proj", "ffn_down_exps.*"},
                                      // Of the layer behind the last, which predicts one token more.
                                      {"embed_tokens", "nextn.embed_tokens"},
                                      {"enorm", "nextn.enorm"},
                                      {"hnorm", "nextn.hnorm"},
                                      {"eh_proj", "nextn.eh_proj"},
                                      {"shared_head.norm", "nextn.shared_head_norm"},
                                      {"shared_head.head", "nextn.shared_head_head"}};

/// What a config class assumes of the fields that config.json leaves out.
struct Defaults {
  std::int64_t first_dense, experts, used, shared, expert_ffn, groups, groups_used;
  double scale;
  std::string_view scoring, method;
};
constexpr Defaults kV2 = {0, 64, 0, 2, 1407, 1, 1, 1.0, "softmax", "greedy"};
constexpr Defaults kV3 = {3, 256, 8, 1, 2048, 8, 4, 2.5, "sigmoid", "noaux_tc"};

Status ReadLatent(const JsonFields& fields, ModelConfig& config) {
  LatentConfig latent;
  // null: queries are projected at once.
  const std::int64_t q_rank = fields.Mentions("q_lora_rank") ? 0 : 1536;
  STRATA_TRY(latent.q_rank, ReadIntegerOr(fields, "q_lora_rank", q_rank, 0));
  STRATA_TRY(latent.kv_rank, ReadIntegerOr(fields, "kv_lora_rank", 512, 1));
  STRATA_TRY(latent.nope_dim, ReadIntegerOr(fields, "qk_nope_head_dim", 128, 1));
  STRATA_TRY(latent.rope_dim, ReadIntegerOr(fields, "qk_rope_head_dim", 64, 2));
  STRATA_TRY(latent.value_dim, ReadIntegerOr(fields, "v_head_dim", 128, 1));
  if (latent.rope_dim % 2 != 0) {
    return fields.Bad(ErrorCode::kCorrupt, "qk_rope_head_dim", "{} is not even", latent.rope_dim);
  }
  STRATA_TRY(const auto interleaved, fields.Boolean("rope_interleave"));
  config.rope_layout = interleaved.value_or(true) ? RopeLayout::kInterleaved : RopeLayout::kHalves;
  config.head_dim = latent.nope_dim + latent.rope_dim;
  config.rotary_dim = latent.rope_dim;
  config.latent = latent;
  return {};
}

/// Refuses a field with another value.
Status Only(const JsonFields& fields, std::string_view field, std::string_view wanted) {
  STRATA_TRY(const auto given, fields.String(field));
  if (!given || *given == wanted) return {};
  return fields.Bad(ErrorCode::kUnsupported, field, "{} is not supported (supported: {})", *given, wanted);
}

Status ReadExperts(const JsonFields& fields, const Defaults& defaults, ModelConfig& config) {
  ExpertsConfig experts;
  STRATA_CHECK(Only(fields, "scoring_func", defaults.scoring));
  STRATA_TRY(const std::int64_t every, ReadIntegerOr(fields, "moe_layer_freq", 1, 1));
  if (every != 1) return fields.Bad(ErrorCode::kUnsupported, "moe_layer_freq", "{} is not supported", every);
  STRATA_TRY(experts.leading_dense, ReadIntegerOr(fields, "first_k_dense_replace", defaults.first_dense, 0));
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "n_routed_experts", defaults.experts, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", defaults.used, 1));
  STRATA_TRY(experts.ffn, ReadIntegerOr(fields, "moe_intermediate_size", defaults.expert_ffn, 1));
  STRATA_TRY(const std::int64_t shared, ReadIntegerOr(fields, "n_shared_experts", defaults.shared, 0));
  experts.shared_ffn = shared * experts.ffn;
  experts.scoring = defaults.scoring == "sigmoid" ? ExpertsConfig::Scoring::kSigmoid : ExpertsConfig::Scoring::kSoftmax;
  STRATA_TRY(const auto scale, fields.Number("routed_scaling_factor"));
  experts.scale = scale.value_or(defaults.scale);
  STRATA_TRY(experts.groups, ReadIntegerOr(fields, "n_group", defaults.groups, 1));
  STRATA_TRY(experts.groups_used, ReadIntegerOr(fields, "topk_group", defaults.groups_used, 1));
  config.experts = experts;
  return {};
}

Status ReadV2(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(ReadLatent(fields, config));
  STRATA_CHECK(ReadExperts(fields, kV2, config));
  ExpertsConfig& experts = *config.experts;
  // The code that came with the models normalises or scales, transformers scales alone: no model was published with
  // it, and there is no one right result.
  STRATA_TRY(const auto normalize, fields.Boolean("norm_topk_prob"));
  if (normalize.value_or(false)) return fields.Bad(ErrorCode::kUnsupported, "norm_topk_prob", "is not supported");
  STRATA_TRY(const auto method, fields.String("topk_method"));
  if (method.value_or("greedy") == "greedy") {
    experts.groups = experts.groups_used = 1;  // whatever is written there, it is not looked at
  } else {
    STRATA_CHECK(Only(fields, "topk_method", "group_limited_greedy"));
  }
  return CheckExperts(fields, experts);
}

Status ReadV3(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(ReadLatent(fields, config));
  STRATA_CHECK(ReadExperts(fields, kV3, config));
  STRATA_CHECK(Only(fields, "topk_method", kV3.method));
  STRATA_TRY(const auto normalize, fields.Boolean("norm_topk_prob"));
  config.experts->normalize = normalize.value_or(true);
  config.experts->group_by_two = true;
  STRATA_TRY(config.nextn_layers, ReadIntegerOr(fields, "num_nextn_predict_layers", 0, 0));
  return CheckExperts(fields, *config.experts);
}

}  // namespace

constexpr HfFamily kHfDeepseekV2 = {.model_type = "deepseek_v2",
                                    .class_name = "DeepseekV2ForCausalLM",
                                    .architecture = "deepseek2",
                                    .has_biases = true,
                                    .fields = kFields,
                                    .read = ReadV2,
                                    .layer_modules = kLayerModules};

constexpr HfFamily kHfDeepseekV3 = {.model_type = "deepseek_v3",
                                    .class_name = "DeepseekV3ForCausalLM",
                                    .architecture = "deepseek2",
                                    .max_positions = 4096,
                                    .has_biases = true,
                                    .fields = kFields,
                                    .read = ReadV3,
                                    .layer_modules = kLayerModules};

constexpr HfFamily kHfKimiK2 = [] {
  HfFamily family = kHfDeepseekV3;
  family.model_type = "kimi_k2";
  return family;
}();

}  // namespace strata
