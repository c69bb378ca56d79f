// gpt-oss: sinks in the softmax of attention, windows in every other layer, experts with biases and a clamped
// activation.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"num_local_experts", "num_experts_per_tok", "sliding_window", "layer_types"};

constexpr HfModule kLayerModules[] = {{"mlp.router", "ffn_gate_inp"},
                                      {"post_attention_layernorm", "post_attention_norm"}};
constexpr HfTensor kLayerTensors[] = {{"self_attn.sinks", "attn_sinks.weight"},
                                      {"mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
                                      {"mlp.experts.gate_up_proj_bias", "ffn_gate_up_exps.bias"},
                                      {"mlp.experts.down_proj", "ffn_down_exps.weight"},
                                      {"mlp.experts.down_proj_bias", "ffn_down_exps.bias"}};

Status Read(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto bias, fields.Boolean("attention_bias"));
  config.attention_bias = bias.value_or(true);
  ExpertsConfig experts{.ffn = config.ffn, .scoring = ExpertsConfig::Scoring::kSoftmaxOfChosen};
  STRATA_TRY(experts.count, ReadIntegerOr(fields, "num_local_experts", 128, 1));
  STRATA_TRY(experts.used, ReadIntegerOr(fields, "num_experts_per_tok", 4, 1));
  STRATA_TRY(experts.swiglu_alpha, ReadPositive(fields, "swiglu_alpha", 1.702));
  STRATA_TRY(experts.swiglu_limit, ReadPositive(fields, "swiglu_limit", 7));
  config.experts = experts;
  STRATA_CHECK(CheckExperts(fields, experts));
  constexpr std::int64_t kWindow = 128;
  STRATA_CHECK(ReadSlidingWindows(fields, kWindow, [](std::int64_t layer) { return layer % 2 == 0; }, config));
  return {};
}

}  // namespace

constexpr HfFamily kHfGptOss = {.model_type = "gpt_oss",
                                .class_name = "GptOssForCausalLM",
                                .architecture = "gpt-oss",
                                .max_positions = 131072,
                                .kv_heads = 8,
                                .head_dim = 64,
                                .norm_eps = 1e-5,
                                .rope_theta = 150000,
                                .has_biases = true,
                                .fields = kFields,
                                .read = Read,
                                .layer_modules = kLayerModules,
                                .layer_tensors = kLayerTensors,
                                .stacks = HfStacks::kPairedColumns};

}  // namespace strata
