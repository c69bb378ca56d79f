// OLMoE: norms over all of the queries and of the keys, experts whose weights are used as the softmax gives them.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"num_experts", "num_experts_per_tok"};

constexpr HfModule kLayerModules[] = {{"self_attn.q_norm", "attn_q_norm"},
                                      {"self_attn.k_norm", "attn_k_norm"},
                                      {"mlp.gate", "ffn_gate_inp"},
                                      {"mlp.experts.*.gate_proj", "ffn_gate_exps.*"},
                                      {"mlp.experts.*.up_proj", "ffn_up_exps.*"},
                                      {"mlp.experts.*.down_proj", "ffn_down_exps.*"}};

Status Read(const JsonFields& fields, ModelConfig& config) {
  ExpertsConfig experts{.ffn = config.ffn};
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_experts", 64, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", 8, 1));
  STRATA_TRY(const auto normalize, fields.Boolean("norm_topk_prob"));
  experts.normalize = normalize.value_or(false);
  config.experts = experts;
  return CheckExperts(fields, experts);
}

}  // namespace

constexpr HfFamily kHfOlmoe = {.model_type = "olmoe",
                               .class_name = "OlmoeForCausalLM",
                               .architecture = "olmoe",
                               .max_positions = 4096,
                               .norm_eps = 1e-5,
                               .has_biases = true,
                               .fields = kFields,
                               .read = Read,
                               .layer_modules = kLayerModules};

}  // namespace strata
