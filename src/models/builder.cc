#include "models/builder.h"

#include <charconv>
#include <cmath>

#include "models/rope_frequencies.h"

namespace strata::models {
namespace {

using graph::Graph;
using graph::Type;

constexpr graph::Dim kTokens{0, 'T'};
constexpr graph::Dim kLogitRows{0, 'R'};

/// Of what is stored: tensors that are no part of the computation. Rotary frequencies are in the config, layers
/// behind the last are for training or drafts, and who only embeds texts needs no head.
bool MayBeLeft(std::string_view tensor, const ModelConfig& config) {
  constexpr std::string_view kLayer = "blk.";
  if (!tensor.starts_with(kLayer)) {
    return tensor.starts_with("rope_") || (config.whole() && tensor == "output.weight");
  }
  std::int64_t layer = -1;
  std::from_chars(tensor.data() + kLayer.size(), tensor.data() + tensor.size(), layer);
  return layer >= config.layers;
}

}  // namespace

Builder::Builder(const ModelFile& model) : model_(model), config_(model.config()) {
  graph_.name = config_.architecture;
  tokens_ = Input("tokens", 'T');
  positions_ = Input("positions", 'T');
  logit_rows_ = Input("logit_rows", 'R');
}

ValueId Builder::Input(const std::string& name, char rows) {
  return graph_.Add(Op::kInput, {}, {{"name", name}}, {DType::kI32, {{0, rows}}}, name);
}

Type Builder::Activation(std::int64_t columns) { return {DType::kF32, {kTokens, {columns, 0}}}; }

std::unexpected<Error> Builder::Unsupported(std::string_view what) const {
  return Fail(ErrorCode::kUnsupported, "{}: {}", model_.path(), what);
}

Result<ValueId> Builder::Weight(const std::string& tensor, std::vector<std::int64_t> dims) {
  if (const auto known = weights_.find(tensor); known != weights_.end()) return known->second;
  const TensorView* view = model_.FindTensor(tensor);
  const Shape wanted{std::span<const std::int64_t>(dims)};
  if (view == nullptr) {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {} {} is missing", model_.path(), model_.StoredName(tensor),
                wanted.ToString());
  }
  if (view->shape != wanted) {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {} is {}, the config implies {}", model_.path(),
                model_.StoredName(tensor), view->shape.ToString(), wanted.ToString());
  }
  Type type{view->dtype, {}};
  for (const std::int64_t dim : dims) type.dims.push_back({dim, 0});
  const ValueId id = graph_.Add(Op::kWeight, {}, {{"name", tensor}}, std::move(type), tensor);
  weights_.emplace(tensor, id);
  return id;
}

Result<ValueId> Builder::Stack(const std::string& name, std::vector<std::int64_t> dims) {
  const Shape wanted{std::span<const std::int64_t>(dims).subspan(1)};
  Type type;
  for (const std::int64_t dim : dims) type.dims.push_back({dim, 0});
  const auto id = static_cast<ValueId>(graph_.nodes.size());
  for (std::int64_t e = 0; e < dims[0]; ++e) {
    const ModelTensor* tensor = model_.FindExpert(name, e);
    if (tensor == nullptr) {
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} {} is missing", model_.path(),
                  model_.StoredName(ExpertName(name, e)), wanted.ToString());
    }
    if (tensor->view.shape != wanted) {
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} is {}, the config implies {}", model_.path(),
                  model_.StoredName(tensor->name), tensor->view.shape.ToString(), wanted.ToString());
    }
    if (e == 0) type.dtype = tensor->view.dtype;
    if (tensor->view.dtype != type.dtype) {
      return Unsupported(fmt::format("tensor {} is {}, that of the first expert is {}", model_.StoredName(tensor->name),
                                     Info(tensor->view.dtype).name, Info(type.dtype).name));
    }
    weights_.emplace(tensor->name, id);
  }
  return graph_.Add(Op::kWeight, {}, {{"name", name}}, std::move(type), name);
}

Result<ValueId> Builder::Norm(const std::string& part, ValueId x, std::string name, std::int64_t group) {
  STRATA_TRY(const ValueId weight, Weight(part + ".weight", {group != 0 ? group : type(x).dims.back().value}));
  graph::Attributes attributes = {{"eps", config_.norm_eps}};
  if (config_.norm_offset != 0) attributes.emplace("offset", config_.norm_offset);
  if (group != 0) attributes.emplace("group", group);
  return graph_.Add(Op::kRmsNorm, {x, weight}, std::move(attributes), type(x), std::move(name));
}

ValueId Builder::UnitNorm(ValueId x, std::string name, std::int64_t group) {
  const ValueId ones = Constant(name + "_ones", std::vector<double>(static_cast<std::size_t>(group), 1.0));
  return graph_.Add(Op::kRmsNorm, {x, ones}, {{"eps", config_.norm_eps}, {"group", group}}, type(x), std::move(name));
}

Result<ValueId> Builder::Linear(const std::string& part, ValueId x, std::int64_t n, Bias bias, std::string name) {
  STRATA_TRY(const ValueId weight, Weight(part + ".weight", {n, type(x).dims.back().value}));
  std::vector<ValueId> inputs = {x, weight};
  const std::string bias_tensor = part + ".bias";
  if (bias == Bias::kRequired || (bias == Bias::kIfStored && model_.FindTensor(bias_tensor) != nullptr)) {
    STRATA_TRY(const ValueId b, Weight(bias_tensor, {n}));
    inputs.push_back(b);
  }
  Type type = this->type(x);
  type.dims.back().value = n;
  return graph_.Add(Op::kLinear, std::move(inputs), {}, std::move(type), std::move(name));
}

ValueId Builder::Map(std::string expression, std::vector<ValueId> inputs, std::string name) {
  const Type type = this->type(inputs.front());
  return graph_.Add(Op::kMap, std::move(inputs), {{"expr", std::move(expression)}}, type, std::move(name));
}

ValueId Builder::Constant(std::string name, std::vector<double> values) {
  Type type{DType::kF32, {{static_cast<std::int64_t>(values.size()), 0}}};
  return graph_.Add(Op::kConstant, {}, {{"name", name}, {"values", std::move(values)}}, std::move(type), name);
}

Result<std::string> Builder::ActivationFunction(const std::string& name) const {
  static const std::map<std::string, std::string, std::less<>> kFunctions = {
      {"silu", "silu"},          {"swish", "silu"}, {"gelu", "gelu"}, {"gelu_pytorch_tanh", "gelu_tanh"},
      {"gelu_new", "gelu_tanh"}, {"relu", "relu"},  {"tanh", "tanh"}};
  const auto found = kFunctions.find(name);
  if (found == kFunctions.end()) return Unsupported(fmt::format("hidden_act {} is not supported", name));
  return found->second;
}

Result<ValueId> Builder::Embed() {
  STRATA_TRY(const ValueId table, Weight("token_embd.weight", {config_.vocab, config_.hidden}));
  const ValueId x = graph_.Add(Op::kEmbed, {tokens_, table}, {}, Activation(config_.hidden), "embed");
  if (config_.embedding_scale == 1) return x;
  return Map(fmt::format("a0 * {}", config_.embedding_scale), {x}, "embed_scaled");
}

Status Builder::AddResults(ValueId x, const std::string& norm) {
  Type rows = Activation(config_.hidden);
  rows.dims.front() = kLogitRows;
  x = graph_.Add(Op::kGatherRows, {x, logit_rows_}, {}, rows, "last");
  STRATA_TRY(x, Norm(norm, x, "last_norm"));
  const std::string head = config_.tied_embeddings ? "token_embd" : "output";
  STRATA_TRY(ValueId logits, Linear(head, x, config_.vocab, Bias::kNone, "logits"));
  if (config_.logit_scale != 1) logits = Map(fmt::format("a0 * {}", config_.logit_scale), {logits}, "logits_scaled");
  if (config_.logit_softcap != 0) {
    const std::string cap = fmt::format("{}", config_.logit_softcap);
    logits = Map(fmt::format("tanh(a0 / {}) * {}", cap, cap), {logits}, "logits_capped");
  }
  const ValueId likeliest = graph_.Add(Op::kArgmax, {logits}, {}, {DType::kI32, {kLogitRows}}, "likeliest");
  graph_.results = {logits, likeliest};
  return {};
}

Result<Graph> Builder::Finish(ValueId x) {
  if (config_.whole()) {
    STRATA_TRY(x, Norm("output_norm", x, "normed"));
    return FinishPooled(x);
  }
  STRATA_CHECK(AddResults(x, "output_norm"));
  STRATA_CHECK(CheckAllRead());
  return std::move(graph_);
}

ValueId Builder::Hidden() {
  return graph_.Add(Op::kInput, {}, {{"name", std::string("hidden")}}, Activation(config_.hidden), "hidden");
}

Result<Graph> Builder::FinishDraft(ValueId x, const std::string& norm) {
  STRATA_CHECK(AddResults(x, norm));
  return std::move(graph_);
}

Status Builder::CheckAllRead() const {
  for (const ModelTensor& tensor : model_.tensors()) {
    if (weights_.contains(tensor.name) || MayBeLeft(tensor.name, config_)) continue;
    return Unsupported(fmt::format("tensor {} is stored, but a {} of this config has no use for it",
                                   model_.StoredName(tensor.name), config_.architecture));
  }
  return {};
}

ValueId Layer::Rope(ValueId x, std::int64_t heads, std::string_view name) {
  const std::string layout = config().rope_layout == RopeLayout::kInterleaved ? "interleaved" : "halves";
  return builder_.Add(Op::kRope, {x, builder_.positions(), rope_.inv_freq},
                      {{"heads", heads}, {"head_dim", config().head_dim}, {"layout", layout}, {"scale", rope_.scale}},
                      builder_.type(x), Name(name));
}

Result<ValueId> Layer::Attention(ValueId x, QkNorm qk_norm) {
  const ModelConfig& config = this->config();
  const LayerAttention sees = config.attention_of(index_);
  const std::int64_t head_dim = config.head_dim;
  const std::int64_t queries = config.heads * head_dim, keys = config.kv_heads * head_dim;
  const Bias bias = config.attention_bias ? Bias::kRequired : Bias::kNone;
  STRATA_TRY(ValueId q, Linear("attn_q", x, queries, bias, "q"));
  STRATA_TRY(ValueId k, Linear("attn_k", x, keys, bias, "k"));
  STRATA_TRY(const ValueId v, Linear("attn_v", x, keys, bias, "v"));
  if (qk_norm == QkNorm::kUnit) {
    if (sees.rotated) {
      q = builder_.UnitNorm(q, Name("q_norm"), head_dim);
      k = builder_.UnitNorm(k, Name("k_norm"), head_dim);
    }
  } else if (qk_norm != QkNorm::kNone) {
    const std::int64_t group = qk_norm == QkNorm::kHeads ? head_dim : 0;
    STRATA_TRY(q, builder_.Norm(Tensor("attn_q_norm"), q, Name("q_norm"), group));
    STRATA_TRY(k, builder_.Norm(Tensor("attn_k_norm"), k, Name("k_norm"), group));
  }
  if (sees.rotated) {
    q = Rope(q, config.heads, "q_rope");
    k = Rope(k, config.kv_heads, "k_rope");
  }
  const double scale =
      config.attention_scale != 0 ? config.attention_scale : 1 / std::sqrt(static_cast<double>(head_dim));
  graph::Attributes attributes = {{"layer", config.whole() ? 0 : index_},  // see ModelConfig::kv_layers
                                  {"heads", config.heads},
                                  {"kv_heads", config.kv_heads},
                                  {"head_dim", head_dim},
                                  {"scale", scale}};
  if (!config.causal) attributes.emplace("causal", std::int64_t{0});
  if (sees.window != 0) attributes.emplace("window", sees.window);
  if (sees.chunk != 0) attributes.emplace("chunk", sees.chunk);
  if (config.attention_softcap != 0) attributes.emplace("softcap", config.attention_softcap);
  std::vector<ValueId> inputs = {q, k, v};
  if (Has("attn_sinks")) {
    STRATA_TRY(const ValueId sinks, builder_.Weight(Tensor("attn_sinks.weight"), {config.heads}));
    inputs.push_back(sinks);
  }
  const ValueId attention = builder_.Add(Op::kAttention, std::move(inputs), std::move(attributes),
                                         Builder::Activation(queries), Name("attn"));
  // Llama's attention_bias covers the output projection; Qwen2's files have biases on q, k, v alone.
  return Linear("attn_output", attention, config.hidden, config.attention_bias ? Bias::kIfStored : Bias::kNone, "o");
}

Result<ValueId> Layer::GatedMlp(ValueId x) {
  const Bias bias = config().mlp_bias ? Bias::kRequired : Bias::kNone;
  STRATA_TRY(const std::string function, builder_.ActivationFunction());
  STRATA_TRY(const ValueId gate, Linear("ffn_gate", x, config().ffn, bias, "gate"));
  STRATA_TRY(const ValueId up, Linear("ffn_up", x, config().ffn, bias, "up"));
  const ValueId gated = Map(fmt::format("{}(a0) * a1", function), {gate, up}, "act");
  return Linear("ffn_down", gated, config().hidden, bias, "down");
}

ValueId Layer::Residual(ValueId added, ValueId x, std::string_view name) {
  const double scale = config().residual_scale;
  return Map(scale == 1 ? "a0 + a1" : fmt::format("a0 * {} + a1", scale), {added, x}, name);
}

Result<ValueId> BuildLayers(Builder& builder, ValueId x, const LayerBuilder& build_layer) {
  const ModelConfig& config = builder.config();
  const auto rope_of = [&](const ModelConfig& positions, std::string name) {
    const RopeFrequencies frequencies = ComputeRopeFrequencies(positions);
    return RopeConstant{builder.Constant(std::move(name), frequencies.inverse), frequencies.scale};
  };
  RopeConstant rope{-1, 1};
  if (config.rotary_dim > 0) rope = rope_of(config, "inv_freq");
  RopeConstant local_rope = rope;
  if (config.local_rope_theta) {
    ModelConfig local = config;
    local.rope_theta = *config.local_rope_theta;
    local.rope_scaling = {};
    local_rope = rope_of(local, "local_inv_freq");
  }
  for (std::int64_t index = 0; index < config.layers; ++index) {
    Layer layer(builder, index, config.attention_of(index).local_rope ? local_rope : rope);
    STRATA_TRY(x, build_layer(layer, x));
  }
  return x;
}

Result<Graph> BuildDecoder(const ModelFile& model, const LayerBuilder& build_layer) {
  Builder builder(model);
  STRATA_TRY(ValueId x, builder.Embed());
  STRATA_TRY(x, BuildLayers(builder, x, build_layer));
  return builder.Finish(x);
}

}  // namespace strata::models
