#include "formats/hf_config.h"

#include <algorithm>
#include <array>

#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::int64_t kMaxSize = 1 << 30;

constexpr std::array kFamilies = {&kHfLlama,    &kHfMistral, &kHfGemma2,   &kHfGemma3,     &kHfGemma3Text,
                                  &kHfGlm4,     &kHfGptOss,  &kHfGranite,  &kHfGraniteMoe, &kHfLlama4Text,
                                  &kHfMixtral,  &kHfOlmo2,   &kHfOlmoe,    &kHfPhi3,       &kHfQwen2,
                                  &kHfQwen2Moe, &kHfQwen3,   &kHfQwen3Moe, &kHfSmolLM3};

/// Fields of other architectures, or of variants of this one, that change what is computed. A number in `neutral` (and
/// always null, false, 0, "" and the empty list or object) says that the feature is off.
struct Refused {
  std::string_view field;
  double neutral = 0;
};
constexpr Refused kRefused[] = {{"num_local_experts"},
                                {"num_experts"},
                                {"n_routed_experts"},
                                {"n_shared_experts"},
                                {"moe_intermediate_size"},
                                {"num_experts_per_tok"},
                                {"attn_logit_softcapping"},
                                {"final_logit_softcapping"},
                                {"logits_soft_cap"},
                                {"logit_scale", 1},
                                {"logits_scaling", 1},
                                {"embedding_multiplier", 1},
                                {"residual_multiplier", 1},
                                {"attention_multiplier"},
                                {"query_pre_attn_scalar"},
                                {"attention_scale"},
                                {"scale_emb", 1},
                                {"scale_depth"},
                                {"use_qk_norm"},
                                {"qk_norm"},
                                {"qk_layernorm"},
                                {"clip_qkv"},
                                {"qkv_clip"},
                                {"attention_chunk_size"},
                                {"attn_temperature_tuning"},
                                {"llama_4_scaling"},
                                {"no_rope_layers"},
                                {"no_rope_layer_interval"},
                                {"nope_layer_interval"},
                                {"parallel_attn"},
                                {"use_parallel_residual"},
                                {"use_bidirectional_attention"},
                                {"is_encoder_decoder"},
                                {"add_cross_attention"},
                                {"alibi"},
                                {"kv_lora_rank"},
                                {"q_lora_rank"},
                                {"num_nextn_predict_layers"},
                                {"per_layer_config"},
                                {"block_configs"}};

bool IsNeutral(const nlohmann::json& value, double neutral) {
  if (value.is_number()) return value.get<double>() == 0 || value.get<double>() == neutral;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.empty();
}

/// Errors: kCorrupt for ids outside the vocabulary.
Result<std::vector<std::int32_t>> TokenIds(const JsonFields& fields, std::string_view field, std::int64_t vocab) {
  STRATA_TRY(const auto ids, fields.IntegerOrList(field));
  std::vector<std::int32_t> tokens;
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= vocab)
      return fields.Bad(ErrorCode::kCorrupt, field, "token {} of a vocabulary of {}", id, vocab);
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

class ConfigReader {
 public:
  explicit ConfigReader(const JsonFields& fields) : whole_(fields), fields_(fields) {}

  Result<HuggingFaceConfig> Read() {
    STRATA_CHECK(ReadType());
    STRATA_CHECK(RefuseWhatIsNotImplemented());
    if (!family_->text_type.empty()) STRATA_CHECK(Enter());
    STRATA_CHECK(ReadShape());
    STRATA_CHECK(ReadMath());
    STRATA_CHECK(RefuseWindow());
    if (family_->read != nullptr) STRATA_CHECK(family_->read(fields_, config_));
    STRATA_CHECK(ReadHuggingFaceRope(fields_, *family_, config_));
    STRATA_CHECK(ReadTokens());
    // Of a model with a text_config it stands outside.
    STRATA_TRY(const auto quantization, ReadHfQuantConfig(whole_.Find("quantization_config") ? whole_ : fields_));
    return HuggingFaceConfig{std::move(config_), family_, quantization};
  }

 private:
  static std::string Supported() {
    std::string names;
    for (const HfFamily* family : kFamilies) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", family->model_type);
    }
    return names;
  }

  Status ReadType() {
    STRATA_TRY(const auto name, fields_.String("model_type"));
    if (!name) return fields_.Bad(ErrorCode::kCorrupt, "model_type", "is missing");
    family_ = FindHfFamily(*name);
    if (family_ == nullptr) {
      return fields_.Bad(ErrorCode::kUnsupported, "model_type", "{} is not supported (supported: {})", *name,
                         Supported());
    }
    config_.architecture = family_->architecture;
    const nlohmann::json* architectures = fields_.Find("architectures");
    if (architectures == nullptr || architectures->empty()) return {};
    if (!architectures->is_array() || !architectures->front().is_string())
      return fields_.Bad(ErrorCode::kCorrupt, "architectures", "must be a list of strings");
    const auto& architecture = architectures->front().get_ref<const std::string&>();
    if (architecture != family_->class_name) {
      return fields_.Bad(ErrorCode::kUnsupported, "architectures/0", "{} is not supported (supported: {})",
                         architecture, family_->class_name);
    }
    return {};
  }

  /// From here on fields are those of text_config.
  Status Enter() {
    STRATA_TRY(const auto inner, fields_.Object("text_config"));
    if (!inner) return fields_.Bad(ErrorCode::kCorrupt, "text_config", "is missing");
    fields_ = *inner;
    STRATA_TRY(const auto type, fields_.String("model_type"));
    if (type.value_or(std::string(family_->text_type)) != family_->text_type) {
      return fields_.Bad(ErrorCode::kUnsupported, "model_type", "{} is not supported (supported: {})", *type,
                         family_->text_type);
    }
    return RefuseWhatIsNotImplemented();
  }

  bool Reads(std::string_view field) const {
    return std::ranges::find(family_->fields, field) != family_->fields.end();
  }

  Status RefuseWhatIsNotImplemented() const {
    for (const Refused& refused : kRefused) {
      const nlohmann::json* value = fields_.Find(refused.field);
      if (!Reads(refused.field) && value != nullptr && !IsNeutral(*value, refused.neutral))
        return fields_.Bad(ErrorCode::kUnsupported, refused.field, "is not supported");
    }
    return {};
  }

  /// otherwise: 0 when the field must be there.
  Result<std::int64_t> Positive(std::string_view field, std::int64_t otherwise) const {
    STRATA_TRY(const auto given, fields_.Integer(field));
    if (!given && otherwise == 0) return fields_.Bad(ErrorCode::kCorrupt, field, "is missing");
    const std::int64_t value = given.value_or(otherwise);
    if (value <= 0 || value > kMaxSize) return fields_.Bad(ErrorCode::kCorrupt, field, "is {}", value);
    return value;
  }

  Status ReadShape() {
    STRATA_TRY(config_.vocab, Positive("vocab_size", family_->vocab));
    STRATA_TRY(config_.hidden, Positive("hidden_size", 0));
    STRATA_TRY(config_.layers, Positive("num_hidden_layers", 0));
    if (config_.layers > kMaxLayers)
      return fields_.Bad(ErrorCode::kCorrupt, "num_hidden_layers", "is {}", config_.layers);
    STRATA_TRY(config_.heads, Positive("num_attention_heads", family_->heads));
    STRATA_TRY(config_.ffn, Positive("intermediate_size", 0));
    STRATA_TRY(config_.max_positions, Positive("max_position_embeddings", family_->max_positions));
    const bool silent = !fields_.Mentions("num_key_value_heads") && family_->kv_heads != 0;
    STRATA_TRY(config_.kv_heads, Positive("num_key_value_heads", silent ? family_->kv_heads : config_.heads));
    if (config_.heads % config_.kv_heads != 0) {
      return fields_.Bad(ErrorCode::kCorrupt, "num_key_value_heads", "{} query heads cannot share {} KV heads",
                         config_.heads, config_.kv_heads);
    }
    const bool own_head_dim = fields_.Find("head_dim") != nullptr || family_->head_dim != 0;
    if (!own_head_dim && config_.hidden % config_.heads != 0) {
      return fields_.Bad(ErrorCode::kCorrupt, "num_attention_heads", "{} heads do not divide hidden_size {}",
                         config_.heads, config_.hidden);
    }
    const std::int64_t share = std::max<std::int64_t>(config_.hidden / config_.heads, 1);
    STRATA_TRY(config_.head_dim, Positive("head_dim", family_->head_dim != 0 ? family_->head_dim : share));
    if (config_.head_dim % 2 != 0 || config_.head_dim > 4096) {
      return fields_.Bad(ErrorCode::kUnsupported, "head_dim", "{} is not an even number up to 4096", config_.head_dim);
    }
    config_.rotary_dim = config_.head_dim;
    config_.rope_layout = RopeLayout::kHalves;
    return {};
  }

  Status ReadMath() {
    STRATA_TRY(const auto eps, fields_.Number("rms_norm_eps"));
    config_.norm_eps = eps.value_or(family_->norm_eps);
    if (config_.norm_eps < 0) return fields_.Bad(ErrorCode::kCorrupt, "rms_norm_eps", "is {}", config_.norm_eps);
    STRATA_TRY(const auto activation, fields_.String(family_->activation_field));
    config_.activation = activation.value_or(std::string(family_->activation));
    STRATA_TRY(const auto tied, fields_.Boolean("tie_word_embeddings"));
    config_.tied_embeddings = tied.value_or(family_->tied);
    STRATA_TRY(const auto attention_bias, fields_.Boolean("attention_bias"));
    STRATA_TRY(const auto mlp_bias, fields_.Boolean("mlp_bias"));
    config_.attention_bias = attention_bias.value_or(false);
    config_.mlp_bias = mlp_bias.value_or(false);
    if (family_->has_biases || (!config_.attention_bias && !config_.mlp_bias)) return {};
    return fields_.Bad(ErrorCode::kUnsupported, config_.attention_bias ? "attention_bias" : "mlp_bias",
                       "{} models have no biases", family_->model_type);
  }

  /// Of families that have none. One that is at least as long as the context has no effect.
  Status RefuseWindow() const {
    STRATA_TRY(const auto use, fields_.Boolean("use_sliding_window"));
    STRATA_TRY(const auto window, fields_.Integer("sliding_window"));
    if (!Reads("sliding_window") && use.value_or(true) && window.value_or(0) > 0 && *window < config_.max_positions) {
      return fields_.Bad(ErrorCode::kUnsupported, "sliding_window",
                         "a window of {} tokens in a context of {} is not supported", *window, config_.max_positions);
    }
    const nlohmann::json* kinds = fields_.Find("layer_types");
    if (Reads("layer_types") || kinds == nullptr) return {};
    if (!kinds->is_array()) return fields_.Bad(ErrorCode::kCorrupt, "layer_types", "must be a list");
    for (std::size_t i = 0; i < kinds->size(); ++i) {
      if ((*kinds)[i] == "full_attention") continue;
      return fields_.Bad(ErrorCode::kUnsupported, fmt::format("layer_types/{}", i), "{} is not supported",
                         (*kinds)[i].is_string() ? (*kinds)[i].get<std::string>() : (*kinds)[i].type_name());
    }
    return {};
  }

  /// A nested config leaves these to the outer one.
  Status ReadTokens() {
    const auto holder = [&](std::string_view field) { return fields_.Find(field) != nullptr ? fields_ : whole_; };
    STRATA_TRY(config_.eos_token_ids, TokenIds(holder("eos_token_id"), "eos_token_id", config_.vocab));
    const auto optional = [&](std::string_view field) -> Result<std::optional<std::int32_t>> {
      STRATA_TRY(const auto id, holder(field).Integer(field));
      // -1 is an old way to say "none".
      if (!id || *id < 0) return std::optional<std::int32_t>();
      if (*id >= config_.vocab)
        return fields_.Bad(ErrorCode::kCorrupt, field, "token {} of a vocabulary of {}", *id, config_.vocab);
      return static_cast<std::int32_t>(*id);
    };
    STRATA_TRY(config_.bos_token_id, optional("bos_token_id"));
    STRATA_TRY(config_.pad_token_id, optional("pad_token_id"));
    return {};
  }

  const JsonFields& whole_;
  JsonFields fields_;  ///< where the decoder's fields are
  const HfFamily* family_ = nullptr;
  ModelConfig config_;
};

}  // namespace

const HfFamily* FindHfFamily(std::string_view model_type) {
  const auto* const found = std::ranges::find(kFamilies, model_type, &HfFamily::model_type);
  return found == kFamilies.end() ? nullptr : *found;
}

Result<double> ReadPositive(const JsonFields& fields, std::string_view field, double otherwise) {
  STRATA_TRY(const auto given, fields.Number(field));
  const double value = given.value_or(otherwise);
  if (!(value > 0)) return fields.Bad(ErrorCode::kCorrupt, field, "is {}", value);
  return value;
}

Result<HuggingFaceConfig> ParseHuggingFaceConfig(std::string_view config_json, const std::string& name) {
  STRATA_TRY(const nlohmann::json document, ParseJsonFile(config_json, name));
  return ConfigReader(JsonFields(document, name)).Read();
}

Result<HuggingFaceGeneration> ParseGenerationConfig(std::string_view generation_config_json, const std::string& name,
                                                    std::int64_t vocab) {
  STRATA_TRY(const nlohmann::json document, ParseJsonFile(generation_config_json, name));
  const JsonFields fields(document, name);
  HuggingFaceGeneration generation;
  GenerationDefaults& defaults = generation.defaults;
  STRATA_TRY(defaults.temperature, fields.Number("temperature"));
  STRATA_TRY(defaults.top_p, fields.Number("top_p"));
  STRATA_TRY(defaults.min_p, fields.Number("min_p"));
  STRATA_TRY(defaults.repetition_penalty, fields.Number("repetition_penalty"));
  STRATA_TRY(defaults.top_k, fields.Integer("top_k"));
  STRATA_TRY(generation.eos_token_ids, TokenIds(fields, "eos_token_id", vocab));
  return generation;
}

}  // namespace strata
