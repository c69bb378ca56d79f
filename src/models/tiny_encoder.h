// For tests: a small BERT with random weights, in memory. Deterministic.
#pragma once

#include "models/tiny_model.h"

namespace strata {

/// Of TinyModel's vocabulary and width.
class TinyEncoder : public TinyModel {
 public:
  struct Options {
    ModelTask task = ModelTask::kEmbed;
    Pooling pooling = Pooling::kMean;
    bool normalize = true;
    std::int64_t labels = 1;  ///< of kClassify
    std::int64_t max_positions = 64;
  };

  explicit TinyEncoder(const Options& options) : TinyModel(TinyModel::Options{}) {
    ModelConfig& config = mutable_config();
    config.architecture = "bert";
    config.task = options.task;
    config.causal = false;
    config.kv_heads = config.heads;
    config.rotary_dim = 0;
    config.activation = "gelu";
    config.attention_bias = config.mlp_bias = true;
    config.max_positions = config.position_embeddings = options.max_positions;
    config.token_types = 2;
    config.layer_attention.assign(static_cast<std::size_t>(config.layers), LayerAttention{.rotated = false});
    config.pooling.pooling = options.pooling;
    config.pooling.normalize = options.normalize;
    config.pooling.prompts = {{"query", "q "}};
    const std::vector<ModelTensor> llama = tensors();
    for (const ModelTensor& tensor : llama) Remove(tensor.name);
    const std::int64_t h = config.hidden;
    Put("token_embd.weight", {config.vocab, h});
    Put("position_embd.weight", {config.position_embeddings, h});
    Put("token_types.weight", {config.token_types, h});
    PutNorm("token_embd_norm");
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) PutLinear(block + part, h, h);
      PutLinear(block + "ffn_up", config.ffn, h);
      PutLinear(block + "ffn_down", h, config.ffn);
      PutNorm(block + "attn_output_norm");
      PutNorm(block + "layer_output_norm");
    }
    if (options.task != ModelTask::kClassify) return;
    config.pooling.pooling = Pooling::kFirst;
    config.pooling.labels = options.labels;
    config.pooling.sigmoid = options.labels == 1;
    PutLinear("cls", h, h);
    PutLinear("cls.output", options.labels, h);
  }

 private:
  void PutNorm(const std::string& name) {
    Put(name + ".weight", {config().hidden});
    Put(name + ".bias", {config().hidden});
  }
  void PutLinear(const std::string& name, std::int64_t n, std::int64_t k) {
    Put(name + ".weight", {n, k});
    Put(name + ".bias", {n});
  }
};

}  // namespace strata
