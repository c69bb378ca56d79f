// gpt-oss: attention with sinks, a mixture of experts in every layer. The norm before the experts has the name that
// others give to one behind attention. Windows, biases and the experts' activation are the config's.
#include "models/builder.h"
#include "models/experts.h"
#include "models/families.h"

namespace strata::models {

Result<graph::Graph> BuildGptOss(const ModelFile& model) {
  return BuildDecoder(model, [](Layer& layer, ValueId x) -> Result<ValueId> {
    STRATA_TRY(const ValueId attention_norm, layer.Norm("attn_norm", x));
    STRATA_TRY(const ValueId attention, layer.Attention(attention_norm));
    const ValueId x1 = layer.Residual(attention, x, "x1");
    STRATA_TRY(const ValueId experts_norm, layer.Norm("post_attention_norm", x1));
    STRATA_TRY(const ValueId experts, Experts(layer, experts_norm));
    return layer.Residual(experts, x1, "x2");
  });
}

}  // namespace strata::models
