// OLMo 2: RMS norms after attention and MLP alone, inside the residual, and one of all queries and one of all keys.
#include "models/builder.h"
#include "models/families.h"

namespace strata::models {

Result<graph::Graph> BuildOlmo2(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) -> Result<ValueId> {
    STRATA_TRY(const ValueId attention, layer.Attention(x, QkNorm::kWhole));
    STRATA_TRY(const ValueId attention_post, layer.Norm("post_attention_norm", attention));
    const ValueId x1 = layer.Residual(attention_post, x, "x1");
    STRATA_TRY(const ValueId mlp, layer.GatedMlp(x1));
    STRATA_TRY(const ValueId mlp_post, layer.Norm("post_ffw_norm", mlp));
    return layer.Residual(mlp_post, x1, "x2");
  });
}

}  // namespace strata::models
