// What a model is, in one vocabulary, whichever file said it (GGUF metadata or Hugging Face's config.json).
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace strata {

/// How RoPE pairs the elements of a head. GGUF's llama files store Q and K permuted for kInterleaved; Hugging Face
/// checkpoints (and GGUF's qwen, gemma, ... ) use kHalves.
enum class RopeLayout {
  kInterleaved,  ///< (x[2i], x[2i+1])
  kHalves,       ///< (x[i], x[i + rotary_dim/2])
};

/// Position scaling. `kind` as in Hugging Face's rope_scaling.rope_type; all but kNone and kDynamic use `factor`.
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,
    kDynamic,  ///< NTK by length: as unscaled up to max_positions, and nothing longer is served
    kYarn,
    kLlama3,
    kLongRope,  ///< up to the original length, which is max_positions then: by frequency_divisors (the short factors)
  };
  Kind kind = Kind::kNone;
  double factor = 1;
  double low_freq_factor = 1;               ///< llama3
  double high_freq_factor = 4;              ///< llama3
  std::int64_t original_max_positions = 0;  ///< llama3, yarn
  double attention_factor = 1;              ///< yarn, longrope: multiplies cos and sin
  double beta_fast = 32;                    ///< yarn
  double beta_slow = 1;                     ///< yarn
  bool truncate = true;                     ///< yarn: the ends of its ramp are whole dimensions
  /// Divisors of the inverse frequencies, [rotary_dim/2]: GGUF's rope_freqs.weight, which already contain llama3's rule
  /// (kind is kNone then), or longrope's short factors; empty when there are none.
  std::vector<float> frequency_divisors;
};

/// Yarn's recommended attention factor for an extension by `factor` (Peng et al. 2023, equation 22).
inline double YarnAttentionFactor(double factor, double mscale = 1) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

struct ModelConfig {
  std::string architecture;  ///< GGUF's name: "llama", "qwen3", "gemma3", ...
  std::string name;          ///< for people; may be empty
  std::int64_t layers = 0;
  std::int64_t hidden = 0;    ///< model width
  std::int64_t heads = 0;     ///< query heads
  std::int64_t kv_heads = 0;  ///< divides heads
  std::int64_t head_dim = 0;  ///< of Q and K
  std::int64_t ffn = 0;       ///< inner width of the gated MLP
  std::int64_t vocab = 0;
  std::int64_t max_positions = 0;  ///< trained context length, tokens
  double norm_eps = 1e-5;
  double rope_theta = 10000;
  std::int64_t rotary_dim = 0;  ///< elements of a head that rotate; usually head_dim
  RopeLayout rope_layout = RopeLayout::kInterleaved;
  RopeScaling rope_scaling;
  double attention_scale = 0;       ///< 0 = 1/sqrt(head_dim)
  std::string activation = "silu";  ///< of the gated MLP, as in config.json's hidden_act
  bool tied_embeddings = false;     ///< the head is token_embd.weight
  bool attention_bias = false;      ///< Q, K, V (and O when present) have biases
  bool mlp_bias = false;
  std::vector<std::int32_t> eos_token_ids;  ///< any of them ends the answer
  std::optional<std::int32_t> bos_token_id;
  std::optional<std::int32_t> pad_token_id;
};

/// Sampling defaults that the model's publisher recommends (generation_config.json), by OpenAI's/vLLM's field names.
struct GenerationDefaults {
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
};

}  // namespace strata
