// The Llama family: RMS norm, rotary positions, grouped-query attention, gated MLP or a mixture of experts
// (Mixtral); tied or untied head, optional biases.
#include "models/builder.h"
#include "models/experts.h"
#include "models/families.h"

namespace strata::models {

Result<graph::Graph> BuildLlama(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) -> Result<ValueId> {
    STRATA_TRY(const ValueId attention_norm, layer.Norm("attn_norm", x));
    STRATA_TRY(const ValueId attention, layer.Attention(attention_norm));
    const ValueId x1 = layer.Residual(attention, x, "x1");
    STRATA_TRY(const ValueId mlp_norm, layer.Norm("ffn_norm", x1));
    STRATA_TRY(const ValueId mlp, ExpertsOrMlp(layer, mlp_norm));
    return layer.Residual(mlp, x1, "x2");
  });
}

}  // namespace strata::models
