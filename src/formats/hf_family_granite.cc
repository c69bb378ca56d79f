// Granite 3: a Llama with factors for embeddings, scores, what blocks add, and logits.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"embedding_multiplier", "attention_multiplier", "residual_multiplier",
                                        "logits_scaling"};

Status Read(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(config.embedding_scale, ReadPositive(fields, "embedding_multiplier", 1));
  STRATA_TRY(config.attention_scale, ReadPositive(fields, "attention_multiplier", 1));
  STRATA_TRY(config.residual_scale, ReadPositive(fields, "residual_multiplier", 1));
  STRATA_TRY(const double divisor, ReadPositive(fields, "logits_scaling", 1));
  config.logit_scale = 1 / divisor;
  return {};
}

}  // namespace

constexpr HfFamily kHfGranite = {.model_type = "granite",
                                 .class_name = "GraniteForCausalLM",
                                 .architecture = "granite",
                                 .has_biases = true,
                                 .fields = kFields,
                                 .read = Read};

}  // namespace strata
