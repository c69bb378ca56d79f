// Qwen 2 and 3 with experts. Those of 2 have a further one that every token goes to, weighted by a gate of its own.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"num_experts", "num_local_experts", "num_experts_per_tok",
                                        "moe_intermediate_size"};

constexpr HfModule kLayerModules[] = {{"self_attn.q_norm", "attn_q_norm"},
                                      {"self_attn.k_norm", "attn_k_norm"},
                                      {"mlp.gate", "ffn_gate_inp"},
                                      {"mlp.experts.*.gate_proj", "ffn_gate_exps.*"},
                                      {"mlp.experts.*.up_proj", "ffn_up_exps.*"},
                                      {"mlp.experts.*.down_proj", "ffn_down_exps.*"},
                                      {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
                                      {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
                                      {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
                                      {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"}};

/// As transformers 5 may write them: all experts in one.
constexpr HfTensor kLayerTensors[] = {{"mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
                                      {"mlp.experts.down_proj", "ffn_down_exps.weight"}};

Status Read(const JsonFields& fields, std::int64_t count, std::int64_t used, std::int64_t ffn, ModelConfig& config) {
  ExpertsConfig experts;
  STRATA_TRY(count, ReadIntegerOr(fields, "num_experts", count, 1));
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_local_experts", count, 1));  // another name of the same
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", used, 1));
  STRATA_TRY(experts.ffn, ReadIntegerOr(fields, "moe_intermediate_size", ffn, 1));
  STRATA_TRY(experts.step, ReadIntegerOr(fields, "decoder_sparse_step", 1, 1));
  STRATA_TRY(const auto normalize, fields.Boolean("norm_topk_prob"));
  experts.normalize = normalize.value_or(false);
  const nlohmann::json* dense = fields.Find("mlp_only_layers");
  if (dense != nullptr && !dense->empty())
    return fields.Bad(ErrorCode::kUnsupported, "mlp_only_layers", "layers without experts are not supported");
  config.experts = experts;
  return CheckExperts(fields, experts);
}

Status ReadQwen2(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(Read(fields, 60, 4, 1408, config));
  STRATA_TRY(config.experts->shared_ffn, ReadIntegerOr(fields, "shared_expert_intermediate_size", 5632, 1));
  STRATA_TRY(const auto bias, fields.Boolean("qkv_bias"));
  config.attention_bias = bias.value_or(true);
  return {};
}

Status ReadQwen3(const JsonFields& fields, ModelConfig& config) { return Read(fields, 128, 8, 768, config); }

}  // namespace

constexpr HfFamily kHfQwen2Moe = {.model_type = "qwen2_moe",
                                  .class_name = "Qwen2MoeForCausalLM",
                                  .architecture = "qwen2moe",
                                  .max_positions = 32768,
                                  .kv_heads = 16,
                                  .fields = kFields,
                                  .read = ReadQwen2,
                                  .layer_modules = kLayerModules,
                                  .layer_tensors = kLayerTensors};

constexpr HfFamily kHfQwen3Moe = {.model_type = "qwen3_moe",
                                  .class_name = "Qwen3MoeForCausalLM",
                                  .architecture = "qwen3moe",
                                  .max_positions = 32768,
                                  .kv_heads = 4,
                                  .has_biases = true,
                                  .fields = kFields,
                                  .read = ReadQwen3,
                                  .layer_modules = kLayerModules,
                                  .layer_tensors = kLayerTensors};

}  // namespace strata
