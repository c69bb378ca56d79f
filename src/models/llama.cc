// Llama and the many that are like it: an RMS norm before attention and one before the gated MLP or the mixture of
// experts. Rotation, windows, biases, scales, experts and the head are the config's, which makes it Mistral, Mixtral,
// Qwen 2, Phi-3, SmolLM3 or Granite as well; Qwen 3 norms the heads of queries and keys, OLMoE all of them together.
#include "models/builder.h"
#include "models/experts.h"
#include "models/families.h"

namespace strata::models {
namespace {

Result<ValueId> BuildLayer(Layer& layer, ValueId x, QkNorm qk_norm) {
  STRATA_TRY(const ValueId attention_norm, layer.Norm("attn_norm", x));
  STRATA_TRY(const ValueId attention, layer.Attention(attention_norm, qk_norm));
  const ValueId x1 = layer.Residual(attention, x, "x1");
  STRATA_TRY(const ValueId mlp_norm, layer.Norm("ffn_norm", x1));
  STRATA_TRY(const ValueId mlp, ExpertsOrMlp(layer, mlp_norm));
  return layer.Residual(mlp, x1, "x2");
}

}  // namespace

Result<graph::Graph> BuildLlama(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) { return BuildLayer(layer, x, QkNorm::kNone); });
}

Result<graph::Graph> BuildQwen3(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) { return BuildLayer(layer, x, QkNorm::kHeads); });
}

Result<graph::Graph> BuildOlmoe(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) { return BuildLayer(layer, x, QkNorm::kWhole); });
}

}  // namespace strata::models
