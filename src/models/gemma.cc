// Gemma 2 and 3: RMS norms before and after attention and MLP, the latter inside the residual. Windows by layer,
// softcaps, scales and the norms' 1 + w are the config's. GLM-4 (0414) has the same layers.
#include "models/builder.h"
#include "models/families.h"

namespace strata::models {
namespace {

Result<ValueId> BuildLayer(Layer& layer, ValueId x, QkNorm qk_norm) {
  STRATA_TRY(const ValueId attention_norm, layer.Norm("attn_norm", x));
  STRATA_TRY(const ValueId attention, layer.Attention(attention_norm, qk_norm));
  STRATA_TRY(const ValueId attention_post, layer.Norm("post_attention_norm", attention));
  const ValueId x1 = layer.Residual(attention_post, x, "x1");
  STRATA_TRY(const ValueId mlp_norm, layer.Norm("ffn_norm", x1));
  STRATA_TRY(const ValueId mlp, layer.GatedMlp(mlp_norm));
  STRATA_TRY(const ValueId mlp_post, layer.Norm("post_ffw_norm", mlp));
  return layer.Residual(mlp_post, x1, "x2");
}

}  // namespace

Result<graph::Graph> BuildGemma2(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) { return BuildLayer(layer, x, QkNorm::kNone); });
}

Result<graph::Graph> BuildGemma3(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) { return BuildLayer(layer, x, QkNorm::kHeads); });
}

Result<graph::Graph> BuildGlm4(const ModelFile& model) { return BuildGemma2(model); }

}  // namespace strata::models
