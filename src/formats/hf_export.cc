#include "formats/hf_export.h"

#include <algorithm>
#include <vector>

namespace strata {

Result<nlohmann::ordered_json> HuggingFaceConfigOf(const ModelConfig& config) {
  if (config.architecture != "llama") {
    return Fail(ErrorCode::kUnsupported,
                "config.json of a {} is not written (only of llama): give the Hugging Face folder",
                config.architecture);
  }
  const RopeScaling& scaling = config.rope_scaling;
  nlohmann::ordered_json rope = {{"rope_type", "default"}, {"rope_theta", config.rope_theta}};
  if (scaling.kind == RopeScaling::Kind::kLinear) {
    rope["rope_type"] = "linear";
    rope["factor"] = scaling.factor;
  } else if (scaling.kind != RopeScaling::Kind::kNone || !scaling.frequency_divisors.empty() ||
             config.rotary_dim != config.head_dim) {
    return Fail(ErrorCode::kUnsupported,
                "positions of a GGUF file that are scaled by more than a factor, or rotate a "
                "part of the head, are not written to config.json");
  }
  nlohmann::ordered_json json = {{"architectures", {"LlamaForCausalLM"}},
                                 {"model_type", "llama"},
                                 {"vocab_size", config.vocab},
                                 {"hidden_size", config.hidden},
                                 {"intermediate_size", config.ffn},
                                 {"num_hidden_layers", config.layers},
                                 {"num_attention_heads", config.heads},
                                 {"num_key_value_heads", config.kv_heads},
                                 {"head_dim", config.head_dim},
                                 {"max_position_embeddings", config.max_positions},
                                 {"hidden_act", config.activation},
                                 {"rms_norm_eps", config.norm_eps},
                                 {"rope_parameters", rope},
                                 {"rope_theta", config.rope_theta},
                                 {"tie_word_embeddings", config.tied_embeddings},
                                 {"attention_bias", config.attention_bias},
                                 {"mlp_bias", config.mlp_bias},
                                 {"torch_dtype", "bfloat16"}};
  if (!config.eos_token_ids.empty()) json["eos_token_id"] = config.eos_token_ids;
  if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
  if (config.pad_token_id) json["pad_token_id"] = *config.pad_token_id;
  return json;
}

void PairsToHalves(std::span<float> rows, std::int64_t head_dim, std::int64_t rotary_dim, std::int64_t columns) {
  const std::int64_t head_floats = head_dim * columns, half = rotary_dim / 2;
  std::vector<float> head(static_cast<std::size_t>(rotary_dim * columns));
  for (auto* at = rows.data(); at < rows.data() + rows.size(); at += head_floats) {
    std::copy_n(at, head.size(), head.begin());
    for (std::int64_t i = 0; i < half; ++i) {
      std::copy_n(head.data() + 2 * i * columns, columns, at + i * columns);
      std::copy_n(head.data() + (2 * i + 1) * columns, columns, at + (half + i) * columns);
    }
  }
}

}  // namespace strata
