// Llama, and Mistral, which is a Llama with other defaults and a window in every layer.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kMistralFields[] = {"sliding_window", "layer_types"};

/// Without a head: embedding models' (E5-Mistral, SFR).
constexpr HfHead kBareMistral[] = {{"MistralModel", ModelTask::kEmbed}};
constexpr HfHead kBareLlama[] = {{"LlamaModel", ModelTask::kEmbed}};

Status ReadMistral(const JsonFields& fields, ModelConfig& config) {
  constexpr std::int64_t kWindow = 4096;
  return ReadOneWindow(fields, kWindow, config);
}

}  // namespace

constexpr HfFamily kHfLlama = {.model_type = "llama",
                               .class_name = "LlamaForCausalLM",
                               .architecture = "llama",
                               .classes = kBareLlama,
                               .has_biases = true};

constexpr HfFamily kHfMistral = {.model_type = "mistral",
                                 .class_name = "MistralForCausalLM",
                                 .architecture = "llama",
                                 .classes = kBareMistral,
                                 .max_positions = 4096 * 32,
                                 .kv_heads = 8,
                                 .fields = kMistralFields,
                                 .read = ReadMistral};

}  // namespace strata
