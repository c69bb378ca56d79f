// OLMo 2: norms of all queries, of all keys, and behind attention and MLP.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr HfModule kModules[] = {{"self_attn.q_norm", "attn_q_norm"},
                                 {"self_attn.k_norm", "attn_k_norm"},
                                 {"post_attention_layernorm", "post_attention_norm"},
                                 {"post_feedforward_layernorm", "post_ffw_norm"}};

}  // namespace

constexpr HfFamily kHfOlmo2 = {.model_type = "olmo2",
                               .class_name = "Olmo2ForCausalLM",
                               .architecture = "olmo2",
                               .norm_eps = 1e-5,
                               .has_biases = true,
                               .layer_modules = kModules};

}  // namespace strata
