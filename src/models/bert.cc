// BERT (Devlin et al. 2018) and what has its layers: RoBERTa, XLM-R, MiniLM, BGE, E5, GTE. Positions are learned, norms
// come behind the blocks, everything has biases.
#include "models/builder.h"
#include "models/families.h"

namespace strata::models {

Result<graph::Graph> BuildBert(const ModelFile& model) {
  return BuildEncoder(model, Bias::kRequired, [](Layer& layer, ValueId x) -> Result<ValueId> {
    STRATA_TRY(const ValueId attention, layer.Attention(x));
    STRATA_TRY(const ValueId x1,
               layer.LayerNorm("attn_output_norm", layer.Residual(attention, x, "attn_sum"), Bias::kRequired));
    STRATA_TRY(const ValueId mlp, layer.Mlp(x1));
    return layer.LayerNorm("layer_output_norm", layer.Residual(mlp, x1, "ffn_sum"), Bias::kRequired);
  });
}

}  // namespace strata::models
