// Llama, and Mistral, which is a Llama with other defaults.
#include "formats/hf_family.h"

namespace strata {

constexpr HfFamily kHfLlama = {
    .model_type = "llama", .class_name = "LlamaForCausalLM", .architecture = "llama", .has_biases = true};

constexpr HfFamily kHfMistral = {.model_type = "mistral",
                                 .class_name = "MistralForCausalLM",
                                 .architecture = "llama",
                                 .max_positions = 4096 * 32,
                                 .kv_heads = 8,
                                 .sliding_window = 4096};

}  // namespace strata
