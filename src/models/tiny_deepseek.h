// For tests: a small DeepSeek with random weights, in memory. Deterministic.
#pragma once

#include "models/tiny_model.h"

namespace strata {

class TinyDeepseek : public TinyModel {
 public:
  /// Which proposes the token after the next: with random weights, or with such that it and the model are simple.
  enum class Module : std::uint8_t { kNone, kRandom, kRight };
  struct Shape {
    std::int64_t heads = 4;
    LatentConfig latent = {.q_rank = 24, .kv_rank = 32, .nope_dim = 16, .rope_dim = 8, .value_dim = 16};
    std::int64_t max_positions = 1024;
    Module module = Module::kNone;
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
    for (std::int64_t layer = 0; layer < config.layers; ++layer) PutAttention(layer, shape);
    if (shape.module != Module::kNone) PutModule(shape);
  }

 private:
  static std::string Block(std::int64_t layer) { return "blk." + std::to_string(layer) + "."; }

  void PutAttention(std::int64_t layer, const Shape& shape) {
    const LatentConfig& latent = shape.latent;
    const std::int64_t hidden = config().hidden, queries = shape.heads * config().head_dim;
    const std::string block = Block(layer);
    for (const char* part : {"attn_q", "attn_k", "attn_v"}) Remove(block + part + ".weight");
    if (latent.q_rank == 0) {
      Put(block + "attn_q.weight", {queries, hidden});
    } else {
      Put(block + "attn_q_a.weight", {latent.q_rank, hidden});
      Put(block + "attn_q_a_norm.weight", {latent.q_rank});
      Put(block + "attn_q_b.weight", {queries, latent.q_rank});
    }
    Put(block + "attn_kv_a_mqa.weight", {latent.kv_rank + latent.rope_dim, hidden});
    Put(block + "attn_kv_a_norm.weight", {latent.kv_rank});
    Put(block + "attn_kv_b.weight", {shape.heads * (latent.nope_dim + latent.value_dim), latent.kv_rank});
    Put(block + "attn_output.weight", {hidden, shape.heads * latent.value_dim});
    if (shape.weights_apart) TakeApart(block, shape);
  }

  void PutModule(const Shape& shape) {
    mutable_config().nextn_layers = 1;
    const std::int64_t hidden = config().hidden, layer = config().layers;
    const std::string block = Block(layer);
    PutAttention(layer, shape);
    for (const char* part : {"attn_norm", "ffn_norm", "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"}) {
      Put(block + part + ".weight", {hidden});
    }
    Put(block + "ffn_gate.weight", {config().ffn, hidden});
    Put(block + "ffn_up.weight", {config().ffn, hidden});
    Put(block + "ffn_down.weight", {hidden, config().ffn});
    Put(block + "nextn.eh_proj.weight", {hidden, 2 * hidden});
    if (shape.module == Module::kRight) MakeRight();
  }

  /// No layer adds anything, so that the next token follows from the last one alone, and the module lets the embedding
  /// through.
  void MakeRight() {
    const std::int64_t hidden = config().hidden, layer = config().layers;
    for (std::int64_t i = 0; i <= layer; ++i) {
      for (const char* part : {"attn_output", "ffn_down"}) {
        const std::string name = Block(i) + part + ".weight";
        const strata::Shape shape = FindTensor(name)->shape;
        PutValues(name, {shape[0], shape[1]}, std::vector<float>(static_cast<std::size_t>(shape.elements())));
      }
    }
    std::vector<float> through(static_cast<std::size_t>(2 * hidden * hidden));
    for (std::int64_t i = 0; i < hidden; ++i) through[static_cast<std::size_t>(i * 2 * hidden + i)] = 1;
    PutValues(Block(layer) + "nextn.eh_proj.weight", {hidden, 2 * hidden}, through);
    PutValues(Block(layer) + "nextn.enorm.weight", {hidden}, std::vector<float>(static_cast<std::size_t>(hidden), 1));
    PutValues(Block(layer) + "nextn.shared_head_norm.weight", {hidden},
              *DequantizeTensor(*FindTensor("output_norm.weight")));
  }

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
