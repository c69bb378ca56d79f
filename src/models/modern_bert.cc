// ModernBERT: norms come before the blocks, positions rotate, the MLP is gated; the first layer takes the embeddings'
// norm for its own.
#include "models/builder.h"
#include "models/families.h"

namespace strata::models {

Result<graph::Graph> BuildModernBert(const ModelFile& model) {
  return BuildEncoder(model, Bias::kIfStored, [](Layer& layer, ValueId x) -> Result<ValueId> {
    ValueId normed = x;
    if (layer.index() > 0) {
      STRATA_TRY(normed, layer.LayerNorm("attn_norm", x, Bias::kIfStored));
    }
    STRATA_TRY(const ValueId attention, layer.Attention(normed));
    const ValueId x1 = layer.Residual(attention, x, "x1");
    STRATA_TRY(const ValueId mlp_norm, layer.LayerNorm("ffn_norm", x1, Bias::kIfStored));
    STRATA_TRY(const ValueId mlp, layer.GatedMlp(mlp_norm));
    return layer.Residual(mlp, x1, "x2");
  });
}

}  // namespace strata::models
