// For tests: a small DeepSeek with random weights, in memory. Deterministic.
#pragma once

#include "models/tiny_model.h"

namespace strata {

class TinyDeepseek : public TinyModel {
 public:
  struct Shape {
    std::int64_t heads = 4;
    LatentConfig latent = {.q_rank = 24, .kv_rank = 32, .nope_dim = 16, .rope_dim = 8, .value_dim = 16};
    std::int64_t max_positions = 1024;
    bool weights_apart = false;  ///< attn_k_b and attn_v_b in the place of attn_kv_b, with the same values
  };

  explicit TinyDeepseek(const Shape& shape) : TinyModel(TinyModel::Options{}) {
    const LatentConfig& latent = shape.latent;
    ModelConfig& config = mutable_config();
    config.architecture = "deepseek2";
    config.latent = latent;
    config.heads = config.kv_heads = shape.heads;
    config.head_dim = latent.nope_dim + latent.rope_dim;
    config.rotary_dim = latent.rope_dim;
    config.max_positions = shape.max_positions;
    const std::int64_t queries = shape.heads * config.head_dim;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      for (const char* part : {"attn_q", "attn_k", "attn_v"}) Remove(block + part + ".weight");
      if (latent.q_rank == 0) {
        Put(block + "attn_q.weight", {queries, config.hidden});
      } else {
        Put(block + "attn_q_a.weight", {latent.q_rank, config.hidden});
        Put(block + "attn_q_a_norm.weight", {latent.q_rank});
        Put(block + "attn_q_b.weight", {queries, latent.q_rank});
      }
      Put(block + "attn_kv_a_mqa.weight", {latent.kv_rank + latent.rope_dim, config.hidden});
      Put(block + "attn_kv_a_norm.weight", {latent.kv_rank});
      Put(block + "attn_kv_b.weight", {shape.heads * (latent.nope_dim + latent.value_dim), latent.kv_rank});
      Put(block + "attn_output.weight", {config.hidden, shape.heads * latent.value_dim});
      if (shape.weights_apart) TakeApart(block, shape);
    }
  }

 private:
  void TakeApart(const std::string& block, const Shape& shape) {
    const LatentConfig& latent = shape.latent;
    const auto both = *DequantizeTensor(*FindTensor(block + "attn_kv_b.weight"));
    Remove(block + "attn_kv_b.weight");
    std::vector<float> keys, values;
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      const auto head = both.begin() + h * (latent.nope_dim + latent.value_dim) * latent.kv_rank;
      for (std::int64_t r = 0; r < latent.kv_rank; ++r) {
        for (std::int64_t n = 0; n < latent.nope_dim; ++n) keys.push_back(head[n * latent.kv_rank + r]);
      }
      values.insert(values.end(), head + latent.nope_dim * latent.kv_rank,
                    head + (latent.nope_dim + latent.value_dim) * latent.kv_rank);
    }
    PutValues(block + "attn_k_b.weight", {shape.heads * latent.kv_rank, latent.nope_dim}, keys);
    PutValues(block + "attn_v_b.weight", {shape.heads * latent.value_dim, latent.kv_rank}, values);
  }
};

}  // namespace strata
