// Granite 3: a Llama with factors for embeddings, scores, what blocks add, and logits; with an MLP or with experts.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"embedding_multiplier", "attention_multiplier", "residual_multiplier",
                                        "logits_scaling"};

Status Read(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(config.embedding_scale, ReadPositive(fields, "embedding_multiplier", 1));
  STRATA_TRY(config.attention_scale, ReadPositive(fields, "attention_multiplier", 1));
  STRATA_TRY(config.residual_scale, ReadPositive(fields, "residual_multiplier", 1));
  STRATA_TRY(const double divisor, ReadPositive(fields, "logits_scaling", 1));
  config.logit_scale = 1 / divisor;
  return {};
}

constexpr std::string_view kMoeFields[] = {"embedding_multiplier", "attention_multiplier", "residual_multiplier",
                                           "logits_scaling",       "num_local_experts",    "num_experts_per_tok"};

constexpr HfModule kMoeModules[] = {{"block_sparse_moe.router.layer", "ffn_gate_inp"},
                                    {"block_sparse_moe.input_linear", "ffn_gate_up_exps"},
                                    {"block_sparse_moe.output_linear", "ffn_down_exps"}};

Status ReadMoe(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(Read(fields, config));
  ExpertsConfig experts{.ffn = config.ffn, .scoring = ExpertsConfig::Scoring::kSoftmaxOfChosen};
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_local_experts", 8, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", 2, 1));
  config.experts = experts;
  return CheckExperts(fields, experts);
}

}  // namespace

constexpr HfFamily kHfGraniteMoe = {.model_type = "granitemoe",
                                    .class_name = "GraniteMoeForCausalLM",
                                    .architecture = "granitemoe",
                                    .has_biases = true,
                                    .fields = kMoeFields,
                                    .read = ReadMoe,
                                    .layer_modules = kMoeModules};

constexpr HfFamily kHfGranite = {.model_type = "granite",
                                 .class_name = "GraniteForCausalLM",
                                 .architecture = "granite",
                                 .has_biases = true,
                                 .fields = kFields,
                                 .read = Read};

}  // namespace strata
