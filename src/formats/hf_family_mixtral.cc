// Mixtral: a Llama whose MLPs are experts, chosen by a softmax over the best.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"num_local_experts", "num_experts_per_tok", "sliding_window", "layer_types"};

constexpr HfModule kLayerModules[] = {{"block_sparse_moe.gate", "ffn_gate_inp"},
                                      {"block_sparse_moe.experts.*.w1", "ffn_gate_exps.*"},
                                      {"block_sparse_moe.experts.*.w2", "ffn_down_exps.*"},
                                      {"block_sparse_moe.experts.*.w3", "ffn_up_exps.*"}};

Status Read(const JsonFields& fields, ModelConfig& config) {
  ExpertsConfig experts{.ffn = config.ffn, .normalize = true};
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_local_experts", 8, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", 2, 1));
  config.experts = experts;
  STRATA_CHECK(CheckExperts(fields, experts));
  return ReadOneWindow(fields, 0, config);
}

}  // namespace

constexpr HfFamily kHfMixtral = {.model_type = "mixtral",
                                 .class_name = "MixtralForCausalLM",
                                 .architecture = "llama",
                                 .max_positions = 4096 * 32,
                                 .kv_heads = 8,
                                 .norm_eps = 1e-5,
                                 .rope_theta = 1e6,
                                 .fields = kFields,
                                 .read = Read,
                                 .layer_modules = kLayerModules};

}  // namespace strata
