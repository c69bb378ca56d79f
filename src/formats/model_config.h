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
  double mscale_all_dim = 0;  ///< yarn of latent attention: YarnAttentionFactor with it, squared, is on the scores
  bool truncate = true;       ///< yarn: the ends of its ramp are whole dimensions
  /// Divisors of the inverse frequencies, [rotary_dim/2]: GGUF's rope_freqs.weight, which already contain llama3's rule
  /// (kind is kNone then), or longrope's short factors; empty when there are none.
  std::vector<float> frequency_divisors;
};

/// Yarn's recommended attention factor for an extension by `factor` (Peng et al. 2023, equation 22).
inline double YarnAttentionFactor(double factor, double mscale = 1) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

/// What one layer's attention sees and how it is rotated.
struct LayerAttention {
  std::int64_t window =
      0;  ///< tokens that a query sees, its own the last, or the middle where it is not causal; 0 = all
  std::int64_t chunk = 0;   ///< sees only what is in its own chunk of so many positions (Llama 4); 0 = no chunks
  bool rotated = true;      ///< false: no positions at all (SmolLM3's and Llama 4's NoPE layers)
  bool local_rope = false;  ///< rotated by local_rope_theta, unscaled (Gemma 3's sliding layers)
  bool operator==(const LayerAttention&) const = default;
};

/// A mixture of experts in the place of the MLP.
struct ExpertsConfig {
  enum class Scoring {
    kSoftmax,          ///< over all experts, then the best are chosen
    kSigmoid,          ///< of each expert alone
    kSoftmaxOfChosen,  ///< the best logits are chosen, the softmax is over these
  };
  std::int64_t count = 0;          ///< experts a layer
  std::int64_t used = 0;           ///< of them for each token
  std::int64_t ffn = 0;            ///< inner width of one
  std::int64_t shared_ffn = 0;     ///< inner width of the MLP that every token goes through beside them; 0 = none
  std::int64_t leading_dense = 0;  ///< the first layers, which have a plain MLP of ModelConfig::ffn
  std::int64_t step = 1;    ///< of the layers behind those, every so many-th (the last of each such run) has experts
  std::int64_t groups = 1;  ///< equal groups of experts; only the best groups' experts may be chosen
  std::int64_t groups_used = 1;
  /// A group's score: the sum of its two best (with a correction bias, DeepSeek V3) or its best (V2).
  bool group_by_two = false;
  Scoring scoring = Scoring::kSoftmax;
  bool normalize = false;    ///< the chosen weights are made to sum to 1
  double scale = 1;          ///< multiplies the weights at last
  bool weigh_input = false;  ///< the weight multiplies the expert's input, not its output (Llama 4)
  /// gpt-oss: gate sigmoid(alpha gate) (up + 1), gate clamped to at most the limit, up to both sides of it; 0 = the
  /// plain activation(gate) up.
  double swiglu_alpha = 0;
  double swiglu_limit = 0;
};

/// Multi-head latent attention (DeepSeek V2): the cache holds one latent row for all heads.
struct LatentConfig {
  std::int64_t q_rank = 0;    ///< of the query's low-rank projection; 0 = one full projection
  std::int64_t kv_rank = 0;   ///< width of the latent
  std::int64_t nope_dim = 0;  ///< of a head's query and key: not rotated
  std::int64_t rope_dim = 0;  ///< rotated; the key's is shared by all heads
  std::int64_t value_dim = 0;
};

/// More layers than any model has; readers refuse more, since they keep something for each.
inline constexpr std::int64_t kMaxLayers = 1 << 14;

/// What a model gives for a text.
enum class ModelTask {
  kGenerate,  ///< a token after each token
  kEmbed,     ///< one vector: PoolingConfig
  kClassify,  ///< one score a label, of a text or of a pair of texts
};

/// How the rows of a text's tokens become its one vector.
enum class Pooling {
  kNone,  ///< not at all: a vector for each token
  kMean,
  kFirst,  ///< that of the first token ([CLS])
  kLast,
};

/// What comes behind the layers of a model that does not generate.
struct PoolingConfig {
  Pooling pooling = Pooling::kMean;
  bool normalize = false;                ///< vectors are made to have length 1
  std::int64_t labels = 0;               ///< scores, of kClassify
  bool sigmoid = false;                  ///< of each score
  std::string head_activation = "tanh";  ///< behind the classifier's first linear
  std::vector<std::int64_t> dimensions;  ///< to which vectors may be cut (Matryoshka); empty = nothing is said
  /// Texts that stand before an input, by what the input is ("query", "document"); one of them where none is asked for.
  std::map<std::string, std::string> prompts;
  std::string default_prompt;  ///< a name; empty = none
};

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
  std::optional<double> local_rope_theta;       ///< of the layers with local_rope
  std::vector<LayerAttention> layer_attention;  ///< [layers]; empty = all see everything and are rotated
  double attention_scale = 0;                   ///< 0 = 1/sqrt(head_dim)
  double attention_softcap = 0;                 ///< scores become c * tanh(score / c); 0 = none
  double logit_softcap = 0;                     ///< so for logits
  double embedding_scale = 1;                   ///< multiplies the embeddings
  double residual_scale = 1;                    ///< multiplies what a block adds to the residual
  double logit_scale = 1;                       ///< multiplies the logits
  double norm_offset = 0;                       ///< added to the norms' weights (Gemma on Hugging Face stores w - 1)
  bool unit_qk_norm = false;        ///< rotated heads of queries and keys are normed without weights (Llama 4)
  std::string activation = "silu";  ///< of the gated MLP, as in config.json's hidden_act
  bool tied_embeddings = false;     ///< the head is token_embd.weight
  bool attention_bias = false;      ///< Q, K, V (and O when present) have biases
  bool mlp_bias = false;
  std::optional<ExpertsConfig> experts;
  std::optional<LatentConfig> latent;
  std::int64_t nextn_layers =
      0;  ///< behind the last layer: modules that predict the token after the next (DeepSeek V3)
  ModelTask task = ModelTask::kGenerate;
  PoolingConfig pooling;  ///< of the other tasks
  bool causal = true;     ///< a token sees those before it; else all of its sequence, which is computed at once
  std::int64_t position_embeddings = 0;     ///< rows of a learned table of positions; 0 = none
  std::int64_t position_offset = 0;         ///< row of position 0 in it
  std::int64_t token_types = 0;             ///< rows of a table of token types (segments); 0 = none
  std::vector<std::int32_t> eos_token_ids;  ///< any of them ends the answer
  std::optional<std::int32_t> bos_token_id;
  std::optional<std::int32_t> pad_token_id;

  /// A text is computed in one step, and nothing of it is kept for the next.
  bool whole() const { return task != ModelTask::kGenerate; }
  /// Layers of the KV cache: of what no later step reads, one serves all layers in turn.
  std::int64_t kv_layers() const { return whole() ? 1 : layers; }
  /// Columns of what the model gives.
  std::int64_t output_width() const {
    return task == ModelTask::kGenerate ? vocab : task == ModelTask::kEmbed ? hidden : pooling.labels;
  }
  LayerAttention attention_of(std::int64_t layer) const {
    return layer_attention.empty() ? LayerAttention{} : layer_attention[static_cast<std::size_t>(layer)];
  }
};

/// Sampling defaults that the model's publisher recommends (generation_config.json), by OpenAI's/vLLM's field names.
struct GenerationDefaults {
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
};

}  // namespace strata
