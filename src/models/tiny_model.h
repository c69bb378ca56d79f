// For tests: a small Llama with random weights, in memory. Deterministic.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "formats/model_file.h"
#include "tensor/convert.h"

namespace strata {

class TinyModel : public ModelFile {
 public:
  struct Options {
    DType dtype = DType::kF32;
    bool tied = true;
    bool biases = false;
    std::int64_t kv_heads = 2;
    RopeLayout layout = RopeLayout::kInterleaved;
    DType value_dtype = DType::kF32;  ///< of attn_v and ffn_up, when `mixed`
    bool mixed = false;
    unsigned seed = 42;
    /// In the place of the MLPs; with `biases` they have some, and the router and the choice as well.
    std::optional<ExpertsConfig> experts = {};
  };

  explicit TinyModel(const Options& options) : path_("tiny"), random_(options.seed) {
    config_.architecture = "llama";
    config_.layers = 2;
    config_.hidden = 64;
    config_.heads = 4;
    config_.kv_heads = options.kv_heads;
    config_.head_dim = config_.rotary_dim = 16;
    config_.ffn = 96;
    config_.vocab = 131;  // not whole panels
    config_.max_positions = 256;
    config_.tied_embeddings = options.tied;
    config_.attention_bias = config_.mlp_bias = options.biases;
    config_.rope_layout = options.layout;
    config_.experts = options.experts;
    Add("token_embd.weight", {config_.vocab, config_.hidden}, options.dtype);
    if (!options.tied) Add("output.weight", {config_.vocab, config_.hidden}, options.dtype);
    Add("output_norm.weight", {config_.hidden}, DType::kF32);
    for (int layer = 0; layer < config_.layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      const DType other = options.mixed ? options.value_dtype : options.dtype;
      const std::int64_t q = config_.heads * config_.head_dim, kv = config_.kv_heads * config_.head_dim;
      Add(block + "attn_norm.weight", {config_.hidden}, DType::kF32);
      Add(block + "ffn_norm.weight", {config_.hidden}, DType::kF32);
      AddLinear(block + "attn_q", q, config_.hidden, options.dtype, options.biases);
      AddLinear(block + "attn_k", kv, config_.hidden, options.dtype, options.biases);
      AddLinear(block + "attn_v", kv, config_.hidden, other, options.biases);
      AddLinear(block + "attn_output", config_.hidden, q, options.dtype, options.biases);
      if (options.experts) {
        AddExperts(block, options);
        continue;
      }
      AddLinear(block + "ffn_gate", config_.ffn, config_.hidden, options.dtype, options.biases);
      AddLinear(block + "ffn_up", config_.ffn, config_.hidden, other, options.biases);
      AddLinear(block + "ffn_down", config_.hidden, config_.ffn, options.dtype, options.biases);
    }
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
  }

  const std::string& path() const override { return path_; }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& chat_templates() const override { return templates_; }
  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override {
    return Fail(ErrorCode::kNotFound, "the tiny model has no tokenizer");
  }
  std::string ContentKey() const override { return std::string(32, '0'); }

  ModelConfig& mutable_config() { return config_; }
  void Remove(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.name == name; });
  }
  /// In the place of what has this name, if there is any.
  void Put(const std::string& name, std::initializer_list<std::int64_t> dims) {
    Remove(name);
    Add(name, dims, DType::kF32);
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
  }
  void PutValues(const std::string& name, std::initializer_list<std::int64_t> dims, std::span<const float> values) {
    Remove(name);
    data_.push_back(std::make_unique<std::vector<std::byte>>(*Quantize(DType::kF32, values)));
    tensors_.push_back({name, {DType::kF32, Shape(dims), *data_.back()}});
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
  }

 private:
  void AddExperts(const std::string& block, const Options& options) {
    const ExpertsConfig& experts = *options.experts;
    // In the weights' type: what a router is stored in must not change how it is computed.
    AddLinear(block + "ffn_gate_inp", experts.count, config_.hidden, options.dtype, options.biases);
    if (options.biases) Add(block + "exp_probs_b.bias", {experts.count}, DType::kF32);
    const auto add = [&](const std::string& ending, std::int64_t ffn, bool biases) {
      AddLinear(block + "ffn_gate_" + ending, ffn, config_.hidden, options.dtype, biases);
      AddLinear(block + "ffn_up_" + ending, ffn, config_.hidden, options.dtype, biases);
      AddLinear(block + "ffn_down_" + ending, config_.hidden, ffn, options.dtype, biases);
    };
    for (int e = 0; e < experts.count; ++e) add("exps." + std::to_string(e), experts.ffn, options.biases);
    if (experts.shared_ffn > 0) add("shexp", experts.shared_ffn, false);
  }

  void AddLinear(const std::string& name, std::int64_t n, std::int64_t k, DType dtype, bool bias) {
    Add(name + ".weight", {n, k}, dtype);
    if (bias) Add(name + ".bias", {n}, DType::kF32);
  }

  void Add(const std::string& name, std::initializer_list<std::int64_t> dims, DType dtype) {
    const Shape shape(dims);
    std::normal_distribution<float> weight(dims.size() == 1 ? 1.0F : 0.0F,
                                           1 / std::sqrt(static_cast<float>(shape.cols())));
    std::vector<float> values(static_cast<std::size_t>(shape.elements()));
    for (float& value : values) value = weight(random_);
    data_.push_back(std::make_unique<std::vector<std::byte>>(*Quantize(dtype, values)));
    tensors_.push_back({name, {dtype, shape, *data_.back()}});
  }

  std::string path_;
  std::mt19937 random_;
  ModelConfig config_;
  GenerationDefaults defaults_;
  std::map<std::string, std::string> templates_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> data_;
  std::vector<ModelTensor> tensors_;
};

}  // namespace strata
