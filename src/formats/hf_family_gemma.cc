// Gemma 2 and the text model of Gemma 3, alone or beside eyes, which are not read. Both store their norms' weights less
// 1 and scale the embeddings by the root of their width; sliding layers come first in each run of layers.
#include <cmath>

#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"sliding_window", "layer_types", "query_pre_attn_scalar",
                                        "attn_logit_softcapping", "final_logit_softcapping"};

constexpr HfModule kModules[] = {{"self_attn.q_norm", "attn_q_norm"},
                                 {"self_attn.k_norm", "attn_k_norm"},
                                 {"post_attention_layernorm", "post_attention_norm"},
                                 {"pre_feedforward_layernorm", "ffn_norm"},
                                 {"post_feedforward_layernorm", "post_ffw_norm"}};

/// A softcap; null turns it off.
Result<double> ReadCap(const JsonFields& fields, std::string_view field, double otherwise) {
  if (fields.Mentions(field) && fields.Find(field) == nullptr) return 0;
  if (otherwise == 0 && !fields.Mentions(field)) return 0;
  return ReadPositive(fields, field, otherwise);
}

/// `run`: of so many layers the last sees everything.
Result<std::vector<bool>> ReadBoth(const JsonFields& fields, std::int64_t run, ModelConfig& config) {
  constexpr std::int64_t kWindow = 4096;
  config.norm_offset = 1;
  // transformers has the factor as a tensor of the weights' type, which is f32 here.
  config.embedding_scale = static_cast<double>(static_cast<float>(std::sqrt(static_cast<double>(config.hidden))));
  STRATA_TRY(const double scalar, ReadPositive(fields, "query_pre_attn_scalar", 256));
  config.attention_scale = 1 / std::sqrt(scalar);
  return ReadSlidingWindows(fields, kWindow, [&](std::int64_t layer) { return (layer + 1) % run != 0; }, config);
}

Status ReadGemma2(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(ReadBoth(fields, 2, config));
  STRATA_TRY(config.attention_softcap, ReadCap(fields, "attn_logit_softcapping", 50));
  STRATA_TRY(config.logit_softcap, ReadCap(fields, "final_logit_softcapping", 30));
  return {};
}

Status ReadGemma3(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto run, fields.Integer("sliding_window_pattern"));
  if (run.value_or(6) < 1) return fields.Bad(ErrorCode::kCorrupt, "sliding_window_pattern", "is {}", *run);
  STRATA_TRY(const std::vector<bool> sliding, ReadBoth(fields, run.value_or(6), config));
  for (std::size_t i = 0; i < sliding.size(); ++i) config.layer_attention[i].local_rope = sliding[i];
  // The class has the field, but its attention does not look at it.
  STRATA_TRY(const double unused, ReadCap(fields, "attn_logit_softcapping", 0));
  if (unused != 0) return fields.Bad(ErrorCode::kUnsupported, "attn_logit_softcapping", "a gemma3 has none");
  STRATA_TRY(config.logit_softcap, ReadCap(fields, "final_logit_softcapping", 0));
  return {};
}

constexpr HfFamily Gemma3() {
  return {.model_type = "gemma3_text",
          .class_name = "Gemma3ForCausalLM",
          .architecture = "gemma3",
          .max_positions = 131072,
          .kv_heads = 4,
          .head_dim = 256,
          .heads = 8,
          .vocab = 262208,
          .rope_theta = 1e6,
          .tied = true,
          .activation_field = "hidden_activation",
          .activation = "gelu_pytorch_tanh",
          .has_biases = true,
          .rope_by_kind = true,
          .fields = kFields,
          .read = ReadGemma3,
          .layer_modules = kModules};
}

constexpr HfFamily Gemma3WithEyes() {
  HfFamily family = Gemma3();
  family.model_type = "gemma3";
  family.class_name = "Gemma3ForConditionalGeneration";
  family.text_type = "gemma3_text";
  return family;
}

}  // namespace

constexpr HfFamily kHfGemma2 = {.model_type = "gemma2",
                                .class_name = "Gemma2ForCausalLM",
                                .architecture = "gemma2",
                                .max_positions = 8192,
                                .kv_heads = 4,
                                .head_dim = 256,
                                .tied = true,
                                .activation_field = "hidden_activation",
                                .activation = "gelu_pytorch_tanh",
                                .has_biases = true,
                                .fields = kFields,
                                .read = ReadGemma2,
                                .layer_modules = kModules};

constexpr HfFamily kHfGemma3Text = Gemma3();
constexpr HfFamily kHfGemma3 = Gemma3WithEyes();

}  // namespace strata
