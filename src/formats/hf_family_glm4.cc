// GLM-4 of 0414: a part of each head rotates, in neighbouring pairs; gate and up are stored as one.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"partial_rotary_factor"};

constexpr HfModule kModules[] = {{"post_self_attn_layernorm", "post_attention_norm"},
                                 {"post_attention_layernorm", "ffn_norm"},
                                 {"post_mlp_layernorm", "post_ffw_norm"},
                                 {"mlp.gate_up_proj", "ffn_gate_up"}};

Status Read(const JsonFields& fields, ModelConfig& config) {
  config.rope_layout = RopeLayout::kInterleaved;
  STRATA_TRY(const auto bias, fields.Boolean("attention_bias"));
  config.attention_bias = bias.value_or(true);
  return {};
}

}  // namespace

constexpr HfFamily kHfGlm4 = {.model_type = "glm4",
                              .class_name = "Glm4ForCausalLM",
                              .architecture = "glm4",
                              .max_positions = 131072,
                              .kv_heads = 2,
                              .head_dim = 128,
                              .norm_eps = 1.5625e-7,
                              .rotary_factor = 0.5,
                              .has_biases = true,
                              .fields = kFields,
                              .read = Read,
                              .layer_modules = kModules};

}  // namespace strata
