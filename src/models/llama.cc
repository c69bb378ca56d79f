// The Llama family: RMS norm, rotary positions, grouped-query attention, gated MLP; tied or untied head, optional
// biases.
#include <cmath>
#include <map>

#include "models/families.h"
#include "models/rope_frequencies.h"

namespace strata::models {
namespace {

using graph::Attributes;
using graph::Graph;
using graph::Op;
using graph::Type;
using graph::ValueId;

constexpr graph::Dim kTokens{0, 'T'};
constexpr graph::Dim kLogitRows{0, 'R'};

Type Activation(graph::Dim rows, std::int64_t columns) { return {DType::kF32, {rows, {columns, 0}}}; }

class Builder {
 public:
  explicit Builder(const ModelFile& model) : model_(model), config_(model.config()) {
    graph_.name = config_.architecture;
  }

  Result<Graph> Build() {
    STRATA_TRY(activation_, GatedActivation());
    const ValueId tokens = Input("tokens", kTokens);
    positions_ = Input("positions", kTokens);
    const ValueId logit_rows = Input("logit_rows", kLogitRows);
    const RopeFrequencies frequencies = ComputeRopeFrequencies(config_);
    inv_freq_ = graph_.Add(Op::kConstant, {}, {{"name", std::string("rope.inv_freq")}, {"values", frequencies.inverse}},
                           {DType::kF32, {{static_cast<std::int64_t>(frequencies.inverse.size()), 0}}}, "inv_freq");
    rope_scale_ = frequencies.scale;

    STRATA_TRY(const ValueId table, Weight("token_embd.weight", {config_.vocab, config_.hidden}));
    ValueId x = graph_.Add(Op::kEmbed, {tokens, table}, {}, Activation(kTokens, config_.hidden), "embed");
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      STRATA_TRY(x, Layer(layer, x));
    }
    x = graph_.Add(Op::kGatherRows, {x, logit_rows}, {}, Activation(kLogitRows, config_.hidden), "last");
    STRATA_TRY(x, Norm("output_norm", x, "last_norm"));
    const bool tied = config_.tied_embeddings;
    STRATA_TRY(const ValueId head,
               tied ? Result<ValueId>(table) : Weight("output.weight", {config_.vocab, config_.hidden}));
    const ValueId logits = graph_.Add(Op::kLinear, {x, head}, {}, Activation(kLogitRows, config_.vocab), "logits");
    const ValueId likeliest = graph_.Add(Op::kArgmax, {logits}, {}, {DType::kI32, {kLogitRows}}, "likeliest");
    graph_.results = {logits, likeliest};
    return std::move(graph_);
  }

 private:
  Result<std::string> GatedActivation() const {
    static const std::map<std::string, std::string, std::less<>> kFunctions = {
        {"silu", "silu"},          {"swish", "silu"}, {"gelu", "gelu"}, {"gelu_pytorch_tanh", "gelu_tanh"},
        {"gelu_new", "gelu_tanh"}, {"relu", "relu"}};
    const auto found = kFunctions.find(config_.activation);
    if (found == kFunctions.end())
      return Fail(ErrorCode::kUnsupported, "{}: hidden_act {} is not supported", model_.path(), config_.activation);
    return fmt::format("{}(a0) * a1", found->second);
  }

  ValueId Input(std::string name, graph::Dim rows) {
    return graph_.Add(Op::kInput, {}, {{"name", name}}, {DType::kI32, {rows}}, name);
  }

  Result<ValueId> Weight(const std::string& name, std::vector<std::int64_t> dims) {
    if (const auto known = weights_.find(name); known != weights_.end()) return known->second;
    const TensorView* tensor = model_.FindTensor(name);
    const Shape wanted{std::span<const std::int64_t>(dims)};
    if (tensor == nullptr)
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} {} is missing", model_.path(), name, wanted.ToString());
    if (tensor->shape != wanted) {
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} is {}, the config implies {}", model_.path(), name,
                  tensor->shape.ToString(), wanted.ToString());
    }
    Type type{tensor->dtype, {}};
    for (const std::int64_t dim : dims) type.dims.push_back({dim, 0});
    const ValueId id = graph_.Add(Op::kWeight, {}, {{"name", name}}, std::move(type), name);
    weights_.emplace(name, id);
    return id;
  }

  Result<ValueId> Norm(const std::string& tensor, ValueId x, std::string name) {
    STRATA_TRY(const ValueId weight, Weight(tensor + ".weight", {config_.hidden}));
    return graph_.Add(Op::kRmsNorm, {x, weight}, {{"eps", config_.norm_eps}}, graph_.node(x).type, std::move(name));
  }

  /// x W^T (+ b when the file has one; when the config says there is one it must).
  Result<ValueId> Linear(const std::string& tensor, ValueId x, std::int64_t n, bool bias, std::string name) {
    STRATA_TRY(const ValueId weight, Weight(tensor + ".weight", {n, graph_.node(x).type.dims[1].value}));
    std::vector<ValueId> inputs = {x, weight};
    if (bias) {
      STRATA_TRY(const ValueId b, Weight(tensor + ".bias", {n}));
      inputs.push_back(b);
    }
    return graph_.Add(Op::kLinear, std::move(inputs), {}, Activation(kTokens, n), std::move(name));
  }

  ValueId Rope(ValueId x, std::int64_t heads, std::string name) {
    const std::string layout = config_.rope_layout == RopeLayout::kInterleaved ? "interleaved" : "halves";
    return graph_.Add(Op::kRope, {x, positions_, inv_freq_},
                      {{"heads", heads}, {"head_dim", config_.head_dim}, {"layout", layout}, {"scale", rope_scale_}},
                      graph_.node(x).type, std::move(name));
  }

  ValueId Map(std::string expression, std::vector<ValueId> inputs, std::string name) {
    const Type type = graph_.node(inputs.front()).type;
    return graph_.Add(Op::kMap, std::move(inputs), {{"expr", std::move(expression)}}, type, std::move(name));
  }

  Result<ValueId> Layer(std::int64_t layer, ValueId x) {
    const std::string block = fmt::format("blk.{}.", layer);
    const std::string prefix = fmt::format("l{}_", layer);
    const std::int64_t head_dim = config_.head_dim;
    STRATA_TRY(const ValueId attention_norm, Norm(block + "attn_norm", x, prefix + "attn_norm"));
    const bool bias = config_.attention_bias;
    STRATA_TRY(const ValueId q, Linear(block + "attn_q", attention_norm, config_.heads * head_dim, bias, prefix + "q"));
    STRATA_TRY(const ValueId k,
               Linear(block + "attn_k", attention_norm, config_.kv_heads * head_dim, bias, prefix + "k"));
    STRATA_TRY(const ValueId v,
               Linear(block + "attn_v", attention_norm, config_.kv_heads * head_dim, bias, prefix + "v"));
    const ValueId q_rotated = Rope(q, config_.heads, prefix + "q_rope");
    const ValueId k_rotated = Rope(k, config_.kv_heads, prefix + "k_rope");
    const double scale =
        config_.attention_scale != 0 ? config_.attention_scale : 1 / std::sqrt(static_cast<double>(head_dim));
    const ValueId attention = graph_.Add(Op::kAttention, {q_rotated, k_rotated, v},
                                         {{"layer", layer},
                                          {"heads", config_.heads},
                                          {"kv_heads", config_.kv_heads},
                                          {"head_dim", head_dim},
                                          {"scale", scale}},
                                         Activation(kTokens, config_.heads * head_dim), prefix + "attn");
    // Llama's attention_bias covers the output projection; Qwen2's files have biases on q, k, v alone.
    const bool output_bias = bias && model_.FindTensor(block + "attn_output.bias") != nullptr;
    STRATA_TRY(const ValueId projected,
               Linear(block + "attn_output", attention, config_.hidden, output_bias, prefix + "o"));
    const ValueId x1 = Map("a0 + a1", {projected, x}, prefix + "x1");

    STRATA_TRY(const ValueId ffn_norm, Norm(block + "ffn_norm", x1, prefix + "ffn_norm"));
    STRATA_TRY(const ValueId gate,
               Linear(block + "ffn_gate", ffn_norm, config_.ffn, config_.mlp_bias, prefix + "gate"));
    STRATA_TRY(const ValueId up, Linear(block + "ffn_up", ffn_norm, config_.ffn, config_.mlp_bias, prefix + "up"));
    const ValueId gated = Map(activation_, {gate, up}, prefix + "act");
    STRATA_TRY(const ValueId down,
               Linear(block + "ffn_down", gated, config_.hidden, config_.mlp_bias, prefix + "down"));
    return Map("a0 + a1", {down, x1}, prefix + "x2");
  }

  const ModelFile& model_;
  const ModelConfig& config_;
  Graph graph_;
  std::map<std::string, ValueId> weights_;
  std::string activation_;
  ValueId positions_ = -1;
  ValueId inv_freq_ = -1;
  double rope_scale_ = 1;
};

}  // namespace

Result<Graph> BuildLlama(const ModelFile& model) { return Builder(model).Build(); }

}  // namespace strata::models
