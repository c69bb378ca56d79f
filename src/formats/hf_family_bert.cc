// BERT, RoBERTa and XLM-R: the bare model (for embeddings), what a masked language model has of it, and classifiers
// (for reranking). The reference is transformers' configuration_bert.py, configuration_roberta.py,
// modeling_xlm_roberta.py.
#include <algorithm>

#include "formats/hf_family.h"
#include "formats/hf_sentence.h"

namespace strata {
namespace {

constexpr HfModule kModules[] = {{"embeddings.word_embeddings", "token_embd"},
                                 {"embeddings.position_embeddings", "position_embd"},
                                 {"embeddings.token_type_embeddings", "token_types"},
                                 {"embeddings.LayerNorm", "token_embd_norm"}};

constexpr HfModule kLayerModules[] = {{"attention.self.query", "attn_q"},
                                      {"attention.self.key", "attn_k"},
                                      {"attention.self.value", "attn_v"},
                                      {"attention.output.dense", "attn_output"},
                                      {"attention.output.LayerNorm", "attn_output_norm"},
                                      {"intermediate.dense", "ffn_up"},
                                      {"output.dense", "ffn_down"},
                                      {"output.LayerNorm", "layer_output_norm"}};

constexpr HfModule kBertClassifier[] = {{"bert.pooler.dense", "cls"}, {"classifier", "cls.output"}};
constexpr HfModule kRobertaClassifier[] = {{"classifier.dense", "cls"}, {"classifier.out_proj", "cls.output"}};

// The head of a masked language model is left out.
constexpr HfHead kBertHeads[] = {{"BertForMaskedLM", ModelTask::kEmbed},
                                 {"BertForPreTraining", ModelTask::kEmbed},
                                 {"BertForSequenceClassification", ModelTask::kClassify, kBertClassifier}};
constexpr HfHead kRobertaHeads[] = {{"RobertaForMaskedLM", ModelTask::kEmbed},
                                    {"RobertaForSequenceClassification", ModelTask::kClassify, kRobertaClassifier}};
constexpr HfHead kXlmRobertaHeads[] = {
    {"XLMRobertaForMaskedLM", ModelTask::kEmbed},
    {"XLMRobertaForSequenceClassification", ModelTask::kClassify, kRobertaClassifier}};

Status ReadBert(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto positions, fields.String("position_embedding_type"));
  if (positions.value_or("absolute") != "absolute") {
    return fields.Bad(ErrorCode::kUnsupported, "position_embedding_type", "{} is not supported", *positions);
  }
  STRATA_TRY(const auto decoder, fields.Boolean("is_decoder"));
  if (decoder.value_or(false)) return fields.Bad(ErrorCode::kUnsupported, "is_decoder", "is not supported");
  STRATA_TRY(const auto eps, fields.Number("layer_norm_eps"));
  config.norm_eps = eps.value_or(1e-12);
  if (config.norm_eps < 0) return fields.Bad(ErrorCode::kCorrupt, "layer_norm_eps", "is {}", config.norm_eps);
  STRATA_TRY(const auto types, fields.Integer("type_vocab_size"));
  config.token_types = types.value_or(2);
  if (config.token_types < 1) return fields.Bad(ErrorCode::kCorrupt, "type_vocab_size", "is {}", config.token_types);
  config.attention_bias = config.mlp_bias = true;
  config.causal = false;
  config.rotary_dim = 0;
  config.layer_attention.assign(static_cast<std::size_t>(config.layers), LayerAttention{.rotated = false});
  config.position_embeddings = config.max_positions;
  if (config.task != ModelTask::kClassify) return {};
  config.pooling.pooling = Pooling::kFirst;
  return ReadLabels(fields, config);
}

/// Position 0 has the row behind the padding token's.
Status ReadRoberta(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(ReadBert(fields, config));
  STRATA_TRY(const auto padding, fields.Integer("pad_token_id"));
  config.position_offset = padding.value_or(1) + 1;
  config.max_positions = config.position_embeddings - config.position_offset;
  if (config.position_offset >= 1 && config.max_positions >= 1) return {};
  return fields.Bad(ErrorCode::kCorrupt, "pad_token_id", "is {} of {} positions", padding.value_or(1),
                    config.position_embeddings);
}

constexpr HfFamily Encoder(std::string_view model_type, std::string_view class_name, std::string_view prefix,
                           std::span<const HfHead> classes, Status (*read)(const JsonFields&, ModelConfig&)) {
  return {.model_type = model_type,
          .class_name = class_name,
          .architecture = "bert",
          .task = ModelTask::kEmbed,
          .classes = classes,
          .max_positions = 512,
          .activation = "gelu",
          .read = read,
          .prefix = prefix,
          .layers = "encoder.layer.",
          .layer_modules = kLayerModules,
          .modules = kModules};
}

}  // namespace

constexpr HfFamily kHfBert = Encoder("bert", "BertModel", "bert.", kBertHeads, ReadBert);
constexpr HfFamily kHfRoberta = Encoder("roberta", "RobertaModel", "roberta.", kRobertaHeads, ReadRoberta);
constexpr HfFamily kHfXlmRoberta = Encoder("xlm-roberta", "XLMRobertaModel", "roberta.", kXlmRobertaHeads, ReadRoberta);

}  // namespace strata
