// What models have that give one row for a text: embeddings of encoders, pooling, classifiers.
#include <utility>

#include "models/builder.h"

namespace strata::models {

using graph::Graph;

Result<ValueId> Builder::LayerNorm(const std::string& part, ValueId x, Bias bias, std::string name) {
  STRATA_TRY(const ValueId weight, Weight(part + ".weight", {type(x).dims.back().value}));
  std::vector<ValueId> inputs = {x, weight};
  const std::string bias_tensor = part + ".bias";
  if (bias == Bias::kRequired || (bias == Bias::kIfStored && model_.FindTensor(bias_tensor) != nullptr)) {
    STRATA_TRY(const ValueId b, Weight(bias_tensor, {type(x).dims.back().value}));
    inputs.push_back(b);
  }
  return graph_.Add(Op::kLayerNorm, std::move(inputs), {{"eps", config_.norm_eps}}, type(x), std::move(name));
}

Result<ValueId> Builder::EmbedForEncoder(Bias norm_bias) {
  const graph::Type rows = Activation(config_.hidden);
  STRATA_TRY(const ValueId tokens, Embed());
  std::vector<ValueId> parts = {tokens};
  if (config_.position_embeddings > 0) {
    STRATA_TRY(const ValueId table, Weight("position_embd.weight", {config_.position_embeddings, config_.hidden}));
    parts.push_back(
        graph_.Add(Op::kEmbed, {positions_, table}, {{"offset", config_.position_offset}}, rows, "embed_positions"));
  }
  if (config_.token_types > 0) {
    STRATA_TRY(const ValueId table, Weight("token_types.weight", {config_.token_types, config_.hidden}));
    parts.push_back(graph_.Add(Op::kEmbed, {Input("token_types", 'T'), table}, {}, rows, "embed_types"));
  }
  ValueId x = parts.front();
  if (parts.size() > 1) {
    std::string sum = "a0";
    for (std::size_t i = 1; i < parts.size(); ++i) sum += fmt::format(" + a{}", i);
    x = Map(std::move(sum), parts, "embedded");
  }
  return LayerNorm("token_embd_norm", x, norm_bias, "x0");
}

ValueId Builder::Pool(ValueId x) {
  graph::Type rows = type(x);
  rows.dims.front() = type(logit_rows_).dims.front();
  switch (config_.pooling.pooling) {
    case Pooling::kNone:
    case Pooling::kLast:  // the row that is wanted of a text is its last
      return graph_.Add(Op::kGatherRows, {x, logit_rows_}, {}, std::move(rows), "wanted");
    case Pooling::kMean:
    case Pooling::kFirst:
      break;
  }
  const std::string kind = config_.pooling.pooling == Pooling::kMean ? "mean" : "first";
  return graph_.Add(Op::kPool, {x, logit_rows_}, {{"kind", kind}}, std::move(rows), "pooled");
}

/// The first part, which not all have, is of the model's own width.
Result<ValueId> Builder::Classifier(ValueId x) {
  if (Has("cls")) {
    STRATA_TRY(x, Linear("cls", x, config_.hidden, Bias::kIfStored, "cls"));
    STRATA_TRY(const std::string function, ActivationFunction(config_.pooling.head_activation));
    x = Map(fmt::format("{}(a0)", function), {x}, "cls_act");
  }
  if (Has("cls_norm")) {
    STRATA_TRY(x, LayerNorm("cls_norm", x, Bias::kIfStored, "cls_norm"));
  }
  STRATA_TRY(const ValueId scores, Linear("cls.output", x, config_.pooling.labels, Bias::kIfStored, "scores"));
  return config_.pooling.sigmoid ? Map("sigmoid(a0)", {scores}, "chances") : scores;
}

Result<Graph> Builder::FinishPooled(ValueId x) {
  x = Pool(x);
  if (config_.task == ModelTask::kClassify) {
    STRATA_TRY(x, Classifier(x));
  }
  graph_.results = {x};
  STRATA_CHECK(CheckAllRead());
  return std::move(graph_);
}

Result<ValueId> Layer::Mlp(ValueId x) {
  const Bias bias = config().mlp_bias ? Bias::kRequired : Bias::kNone;
  STRATA_TRY(const std::string function, builder_.ActivationFunction());
  STRATA_TRY(const ValueId up, Linear("ffn_up", x, config().ffn, bias, "up"));
  const ValueId activated = Map(fmt::format("{}(a0)", function), {up}, "act");
  return Linear("ffn_down", activated, config().hidden, bias, "down");
}

Result<Graph> BuildEncoder(const ModelFile& model, Bias norm_bias, const LayerBuilder& build_layer) {
  Builder builder(model);
  STRATA_TRY(ValueId x, builder.EmbedForEncoder(norm_bias));
  STRATA_TRY(x, BuildLayers(builder, x, build_layer));
  if (builder.Has("output_norm")) {
    STRATA_TRY(x, builder.LayerNorm("output_norm", x, norm_bias, "normed"));
  }
  return builder.FinishPooled(x);
}

}  // namespace strata::models
