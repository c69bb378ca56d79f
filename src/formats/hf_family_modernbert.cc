// ModernBERT (Warner et al. 2024): rotated, norms before the blocks, a gated MLP, most layers see a window only. The
// reference is transformers' configuration_modernbert.py and modeling_modernbert.py.
#include <algorithm>

#include "formats/hf_family.h"
#include "formats/hf_sentence.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"layer_types"};

constexpr HfModule kModules[] = {
    {"embeddings.tok_embeddings", "token_embd"}, {"embeddings.norm", "token_embd_norm"}, {"final_norm", "output_norm"}};

constexpr HfModule kLayerModules[] = {{"attn_norm", "attn_norm"}, {"attn.Wqkv", "attn_qkv"}, {"attn.Wo", "attn_output"},
                                      {"mlp_norm", "ffn_norm"},   {"mlp.Wi", "ffn_gate_up"}, {"mlp.Wo", "ffn_down"}};

constexpr HfModule kClassifier[] = {{"head.dense", "cls"}, {"head.norm", "cls_norm"}, {"classifier", "cls.output"}};

constexpr HfHead kHeads[] = {{"ModernBertForMaskedLM", ModelTask::kEmbed},
                             {"ModernBertForSequenceClassification", ModelTask::kClassify, kClassifier}};

/// The kinds that layer_types names, else every so many-th layer sees everything, the first one to begin with.
Status ReadWindows(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto local, fields.Integer("local_attention"));
  STRATA_TRY(const auto every, fields.Integer("global_attn_every_n_layers"));
  if (local.value_or(128) < 1) return fields.Bad(ErrorCode::kCorrupt, "local_attention", "is {}", *local);
  if (every.value_or(3) < 1) return fields.Bad(ErrorCode::kCorrupt, "global_attn_every_n_layers", "is {}", *every);
  const nlohmann::json* kinds = fields.Find("layer_types");
  if (kinds != nullptr && (!kinds->is_array() || static_cast<std::int64_t>(kinds->size()) != config.layers))
    return fields.Bad(ErrorCode::kCorrupt, "layer_types", "must be a list of {} kinds", config.layers);
  // Half of it before the query and half behind, and the query's own.
  const std::int64_t window = local.value_or(128) / 2 * 2 + 1;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    bool slides = layer % every.value_or(3) != 0;
    if (kinds != nullptr) {
      const nlohmann::json& kind = (*kinds)[static_cast<std::size_t>(layer)];
      slides = kind == "sliding_attention";
      if (!slides && kind != "full_attention") {
        return fields.Bad(ErrorCode::kUnsupported, fmt::format("layer_types/{}", layer), "is not supported");
      }
    }
    config.layer_attention.push_back(slides ? LayerAttention{.window = window, .local_rope = true} : LayerAttention{});
  }
  return {};
}

Status ReadHead(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto pooling, fields.String("classifier_pooling"));
  const std::string kind = pooling.value_or("cls");
  if (kind != "cls" && kind != "mean")
    return fields.Bad(ErrorCode::kUnsupported, "classifier_pooling", "{} is not supported", kind);
  config.pooling.pooling = kind == "cls" ? Pooling::kFirst : Pooling::kMean;
  STRATA_TRY(const auto activation, fields.String("classifier_activation"));
  config.pooling.head_activation = activation.value_or("gelu");
  return ReadLabels(fields, config);
}

Status ReadModernBert(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto eps, fields.Number("norm_eps"));
  config.norm_eps = eps.value_or(1e-5);
  if (config.norm_eps < 0) return fields.Bad(ErrorCode::kCorrupt, "norm_eps", "is {}", config.norm_eps);
  config.causal = false;
  STRATA_CHECK(ReadWindows(fields, config));
  return config.task == ModelTask::kClassify ? ReadHead(fields, config) : Status();
}

}  // namespace

constexpr HfFamily kHfModernBert = {.model_type = "modernbert",
                                    .class_name = "ModernBertModel",
                                    .architecture = "modern-bert",
                                    .task = ModelTask::kEmbed,
                                    .classes = kHeads,
                                    .max_positions = 8192,
                                    .rope_theta = 160000,
                                    .rope_theta_field = "global_rope_theta",
                                    .local_theta_field = "local_rope_theta",
                                    .activation_field = "hidden_activation",
                                    .activation = "gelu",
                                    .has_biases = true,
                                    .rope_by_kind = true,
                                    .fields = kFields,
                                    .read = ReadModernBert,
                                    .layer_modules = kLayerModules,
                                    .modules = kModules};

}  // namespace strata
