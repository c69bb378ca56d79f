// DeepSeek V2 and V3 (arXiv:2405.04434, 2412.19437) and Kimi K2: latent attention, a gated MLP in the first layers, a
// mixture of experts in those behind them.
#include <cmath>

#include "models/builder.h"
#include "models/experts.h"
#include "models/families.h"
#include "models/rope_frequencies.h"

namespace strata::models {
namespace {

/// Of the norms within attention, whatever the config's norm_eps is (transformers' DeepseekV3RMSNorm).
constexpr double kInnerNormEps = 1e-6;

Result<ValueId> InnerNorm(Layer& layer, std::string_view part, ValueId x) {
  const graph::Type type = layer.builder().type(x);
  STRATA_TRY(const ValueId weight, layer.builder().Weight(layer.Tensor(part) + ".weight", {type.dims.back().value}));
  return layer.builder().Add(Op::kRmsNorm, {x, weight}, {{"eps", kInnerNormEps}}, type, layer.Name(part));
}

ValueId Columns(Layer& layer, ValueId x, std::int64_t offset, std::int64_t length, std::string_view name) {
  return layer.builder().Add(Op::kSlice, {x}, {{"offset", offset}, {"length", length}}, Builder::Activation(length),
                             layer.Name(name));
}

Bias BiasOf(const ModelConfig& config) { return config.attention_bias ? Bias::kRequired : Bias::kNone; }

Result<ValueId> Queries(Layer& layer, ValueId x) {
  const LatentConfig& latent = *layer.config().latent;
  const std::int64_t columns = layer.config().heads * (latent.nope_dim + latent.rope_dim);
  if (latent.q_rank == 0) return layer.Linear("attn_q", x, columns, Bias::kNone, "q");
  STRATA_TRY(const ValueId low, layer.Linear("attn_q_a", x, latent.q_rank, BiasOf(layer.config()), "q_a"));
  STRATA_TRY(const ValueId normed, InnerNorm(layer, "attn_q_a_norm", low));
  return layer.Linear("attn_q_b", normed, columns, Bias::kNone, "q");
}

/// What makes a head's keys and values of a latent: as it was trained, or apart, as GGUF has it since it absorbs them.
Result<std::vector<ValueId>> UpProjection(Layer& layer) {
  const LatentConfig& latent = *layer.config().latent;
  const std::int64_t heads = layer.config().heads;
  Builder& builder = layer.builder();
  if (!layer.Has("attn_k_b")) {
    STRATA_TRY(const ValueId both, builder.Weight(layer.Tensor("attn_kv_b.weight"),
                                                  {heads * (latent.nope_dim + latent.value_dim), latent.kv_rank}));
    return std::vector{both};
  }
  STRATA_TRY(const ValueId keys,
             builder.Weight(layer.Tensor("attn_k_b.weight"), {heads * latent.kv_rank, latent.nope_dim}));
  STRATA_TRY(const ValueId values,
             builder.Weight(layer.Tensor("attn_v_b.weight"), {heads * latent.value_dim, latent.kv_rank}));
  return std::vector{keys, values};
}

/// Yarn's factor is on the scores, squared, as queries and keys would each have had it.
double Scale(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  const double factor = scaling.mscale_all_dim == 0 ? 1 : YarnAttentionFactor(scaling.factor, scaling.mscale_all_dim);
  return factor * factor / std::sqrt(static_cast<double>(config.head_dim));
}

Result<ValueId> LatentAttention(Layer& layer, ValueId x) {
  const ModelConfig& config = layer.config();
  const LatentConfig& latent = *config.latent;
  STRATA_TRY(const ValueId q, Queries(layer, x));
  STRATA_TRY(const ValueId kv,
             layer.Linear("attn_kv_a_mqa", x, latent.kv_rank + latent.rope_dim, BiasOf(config), "kv_a"));
  const ValueId row = Columns(layer, kv, 0, latent.kv_rank, "kv_latent");
  STRATA_TRY(const ValueId normed, InnerNorm(layer, "attn_kv_a_norm", row));
  const ValueId key = Columns(layer, kv, latent.kv_rank, latent.rope_dim, "k_rope");
  std::vector<ValueId> inputs = {q, normed, key};
  STRATA_TRY(const std::vector<ValueId> weights, UpProjection(layer));
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  inputs.insert(inputs.end(), {layer.builder().positions(), layer.rope().inv_freq});
  const bool interleaved = config.rope_layout == RopeLayout::kInterleaved;
  const ValueId attention =
      layer.builder().Add(Op::kLatentAttention, std::move(inputs),
                          {{"layer", layer.index()},
                           {"heads", config.heads},
                           {"nope_dim", latent.nope_dim},
                           {"rope_dim", latent.rope_dim},
                           {"value_dim", latent.value_dim},
                           {"kv_rank", latent.kv_rank},
                           {"scale", Scale(config)},
                           {"layout", std::string(interleaved ? "interleaved" : "halves")},
                           {"rope_scale", layer.rope().scale}},
                          Builder::Activation(config.heads * latent.value_dim), layer.Name("attn"));
  return layer.Linear("attn_output", attention, config.hidden, BiasOf(config), "o");
}

Result<ValueId> DecoderLayer(Layer& layer, ValueId x) {
  STRATA_TRY(const ValueId attention_norm, layer.Norm("attn_norm", x));
  STRATA_TRY(const ValueId attention, LatentAttention(layer, attention_norm));
  const ValueId x1 = layer.Residual(attention, x, "x1");
  STRATA_TRY(const ValueId mlp_norm, layer.Norm("ffn_norm", x1));
  STRATA_TRY(const ValueId mlp, ExpertsOrMlp(layer, mlp_norm));
  return layer.Residual(mlp, x1, "x2");
}

}  // namespace

Result<graph::Graph> BuildDeepseek(const ModelFile& model) { return BuildDecoder(model, DecoderLayer); }

/// Multi-token prediction (2412.19437, section 2.2): the embedding of the next token and what the model made of this
/// one go side by side into one layer more, whose output the model's own head reads. As in transformers and vLLM, it is
/// the normed output of the model that goes in.
Result<std::optional<graph::Graph>> BuildDeepseekDraft(const ModelFile& model) {
  const ModelConfig& config = model.config();
  Builder builder(model);
  const RopeFrequencies rope = ComputeRopeFrequencies(config);
  Layer layer(builder, config.layers, {builder.Constant("inv_freq", rope.inverse), rope.scale});
  // Who quantises a checkpoint may leave the module out.
  if (config.nextn_layers == 0 || !layer.Has("nextn.eh_proj")) return std::optional<graph::Graph>();
  STRATA_TRY(const ValueId embedding, builder.Embed());
  STRATA_TRY(const ValueId next, layer.Norm("nextn.enorm", embedding));
  STRATA_TRY(const ValueId normed, builder.Norm("output_norm", builder.Hidden(), "hidden_norm"));
  STRATA_TRY(const ValueId before, layer.Norm("nextn.hnorm", normed));
  const ValueId both =
      builder.Add(Op::kConcat, {next, before}, {}, Builder::Activation(2 * config.hidden), layer.Name("nextn"));
  STRATA_TRY(ValueId x, layer.Linear("nextn.eh_proj", both, config.hidden, Bias::kNone, "eh"));
  STRATA_TRY(x, DecoderLayer(layer, x));
  STRATA_TRY(graph::Graph graph, builder.FinishDraft(x, layer.Tensor("nextn.shared_head_norm")));
  graph.name += "_draft";
  return std::optional(std::move(graph));
}

}  // namespace strata::models
