// A GGUF file, or all parts of one, as a ModelFile.
#include "formats/gguf_model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/fused_tensors.h"
#include "formats/gguf.h"
#include "formats/gguf_family.h"
#include "formats/gguf_split.h"
#include "formats/gguf_tokenizer.h"
#include "tensor/convert.h"

namespace strata {
namespace {

constexpr std::array kFamilies = {&kGgufLlama,    &kGgufDeepseek2, &kGgufGemma2,     &kGgufGemma3,   &kGgufGlm4,
                                  &kGgufGptOss,   &kGgufGranite,   &kGgufGraniteMoe, &kGgufLlama4,   &kGgufOlmo2,
                                  &kGgufOlmoe,    &kGgufPhi3,      &kGgufQwen2,      &kGgufQwen2Moe, &kGgufQwen3,
                                  &kGgufQwen3Moe, &kGgufSmolLM3,   &kGgufBert};

/// Features that change what is computed and that a family must say it knows; off when missing or at these values.
struct Refused {
  std::string_view field;
  double neutral = 0;
};
constexpr Refused kRefused[] = {
    {"expert_count"},          {"attn_logit_softcapping"},   {"final_logit_softcapping"},
    {"logit_scale", 1},        {"embedding_scale", 1},       {"residual_scale", 1},
    {"attention.scale"},       {"attention.max_alibi_bias"}, {"attention.clamp_kqv"},
    {"attention.q_lora_rank"}, {"attention.kv_lora_rank"},   {"rope.scaling.yarn_log_multiplier"}};

class GgufModel : public ModelFile {
 public:
  explicit GgufModel(std::vector<GgufFile> parts) : parts_(std::move(parts)) {}

  Status Load() {
    STRATA_TRY(const std::string_view architecture, file_.Get<std::string_view>("general.architecture"));
    config_.architecture = architecture;
    fields_.emplace(file_, config_.architecture);
    STRATA_CHECK(CheckGgufParts(parts_));
    for (const GgufFile& part : parts_) {
      for (const GgufTensor& tensor : part.tensors()) tensors_.push_back({std::string(tensor.name), tensor.view});
    }
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
    const auto family = std::ranges::find(kFamilies, architecture, &GgufFamily::architecture);
    if (family == kFamilies.end()) {
      std::string known;
      for (const GgufFamily* one : kFamilies)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", one->architecture);
      return Fail(ErrorCode::kUnsupported, "{}: architecture {} is not supported (supported: {})", path(), architecture,
                  known);
    }
    family_ = *family;
    STRATA_CHECK(RefuseWhatIsNotImplemented());
    STRATA_CHECK(ReadShape());
    STRATA_CHECK(ReadRope());
    if (family_->read != nullptr) STRATA_CHECK(family_->read(*fields_, file_, config_));
    STRATA_CHECK(ReadGgufPooling(*fields_, file_, config_));
    STRATA_CHECK(ReadTokens());
    STRATA_CHECK(SplitFusedTensors(config_, tensors_), "{}", path());
    STRATA_CHECK(SortTensors(tensors_, path()));
    for (const auto& [key, value] : file_.metadata()) {
      constexpr std::string_view kTemplate = "tokenizer.chat_template";
      const auto* text = std::get_if<std::string_view>(&value);
      if (text == nullptr || !key.starts_with(kTemplate)) continue;
      const std::string name =
          key.size() > kTemplate.size() ? std::string(key.substr(kTemplate.size() + 1)) : "default";
      templates_.emplace(name, *text);
    }
    return {};
  }

  const std::string& path() const override { return file_.path(); }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  void DoneWith(const TensorView& tensor) const override { DropPages(tensor.data); }
  const std::map<std::string, std::string>& chat_templates() const override { return templates_; }

  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override { return LoadGgufTokenizer(file_); }

  std::string ContentKey() const override {
    Hash128 key{0, 0};
    for (const GgufFile& part : parts_) {
      const std::span<const std::byte> bytes = part.bytes();
      const std::byte* data = bytes.data() + bytes.size();
      for (const GgufTensor& tensor : part.tensors()) data = std::min(data, tensor.view.data.data());
      key.low = SampleHash(bytes, key.low);
      key.high = Hash64(bytes.first(static_cast<std::size_t>(data - bytes.data())), key.high);
    }
    return key.ToHex();
  }
  std::string StateKey() const override {
    std::string key = ContentKey();
    for (const GgufFile& part : parts_) key += fmt::format(" {}", part.modified());
    return key;
  }

 private:
  bool Knows(std::string_view field) const {
    return std::ranges::find(family_->fields, field) != family_->fields.end();
  }

  Status RefuseWhatIsNotImplemented() const {
    STRATA_TRY(const auto causal, fields_->Find<bool>("attention.causal"));
    STRATA_CHECK(RefuseUnless(Knows("attention.causal") || causal.value_or(true), "attention.causal", 0));
    for (const Refused& refused : kRefused) {
      if (Knows(refused.field)) continue;
      STRATA_TRY(const double value, fields_->NumberOr(refused.field, refused.neutral));
      STRATA_CHECK(RefuseUnless(value == 0 || value == refused.neutral, refused.field, value));
    }
    return {};
  }

  Status ReadShape() {
    STRATA_TRY(const auto name, file_.Find<std::string_view>("general.name"));
    config_.name = name.value_or("");
    STRATA_TRY(config_.layers, fields_->Positive("block_count"));
    if (config_.layers > kMaxLayers) return fields_->Bad(ErrorCode::kCorrupt, "block_count", "is {}", config_.layers);
    STRATA_TRY(config_.hidden, fields_->Positive("embedding_length"));
    STRATA_TRY(config_.heads, fields_->Positive("attention.head_count"));
    STRATA_TRY(const auto kv_heads, fields_->Find<std::int64_t>("attention.head_count_kv"));
    config_.kv_heads = kv_heads.value_or(config_.heads);
    if (config_.kv_heads <= 0 || config_.heads % config_.kv_heads != 0) {
      return Fail(ErrorCode::kCorrupt, "{}: {} query heads cannot share {} KV heads", path(), config_.heads,
                  config_.kv_heads);
    }
    STRATA_TRY(const auto head_dim, fields_->Find<std::int64_t>("attention.key_length"));
    config_.head_dim = head_dim.value_or(config_.hidden / config_.heads);
    if (config_.head_dim <= 0 || config_.head_dim % 2 != 0 || config_.head_dim > 4096)
      return Fail(ErrorCode::kCorrupt, "{}: head size {}", path(), config_.head_dim);
    STRATA_TRY(config_.ffn, fields_->Positive("feed_forward_length"));
    STRATA_TRY(config_.max_positions, fields_->Positive("context_length"));
    STRATA_TRY(const auto window, fields_->Find<std::int64_t>("attention.sliding_window"));
    const std::int64_t window_size = window.value_or(0);
    STRATA_CHECK(
        RefuseUnless(Knows("attention.sliding_window") || window_size <= 0 || window_size >= config_.max_positions,
                     "attention.sliding_window", static_cast<double>(window_size)));
    STRATA_TRY(const auto value_length, fields_->Find<std::int64_t>("attention.value_length"));
    STRATA_CHECK(
        RefuseUnless(Knows("attention.value_length") || value_length.value_or(config_.head_dim) == config_.head_dim,
                     "attention.value_length", static_cast<double>(value_length.value_or(0))));
    STRATA_TRY(config_.norm_eps, file_.Get<double>(fields_->Key(family_->norm_epsilon)));
    const TensorView* embedding = FindTensor("token_embd.weight");
    if (embedding == nullptr) return Fail(ErrorCode::kCorrupt, "{}: tensor token_embd.weight is missing", path());
    config_.vocab = embedding->shape.rows();
    config_.tied_embeddings = FindTensor("output.weight") == nullptr;
    config_.attention_bias = FindTensor("blk.0.attn_q.bias") != nullptr || FindTensor("blk.0.attn_qkv.bias") != nullptr;
    config_.mlp_bias = FindTensor("blk.0.ffn_up.bias") != nullptr;
    return {};
  }

  Status ReadRope() {
    config_.rope_layout = family_->rope_layout;
    STRATA_TRY(const auto rotary, fields_->Find<std::int64_t>("rope.dimension_count"));
    config_.rotary_dim = rotary.value_or(config_.head_dim);
    if (config_.rotary_dim <= 0 || config_.rotary_dim > config_.head_dim || config_.rotary_dim % 2 != 0) {
      return Fail(ErrorCode::kCorrupt, "{}: {} is {} for heads of {}", path(), fields_->Key("rope.dimension_count"),
                  config_.rotary_dim, config_.head_dim);
    }
    STRATA_TRY(const auto theta, fields_->Find<double>("rope.freq_base"));
    config_.rope_theta = theta.value_or(10000);
    RopeScaling& scaling = config_.rope_scaling;
    STRATA_TRY(const auto kind, fields_->Find<std::string_view>("rope.scaling.type"));
    if (kind == "linear") {
      scaling.kind = RopeScaling::Kind::kLinear;
    } else if (kind == "yarn") {
      scaling.kind = RopeScaling::Kind::kYarn;
    } else if (kind == "longrope") {
      if (FindTensor("rope_factors_short.weight") == nullptr)
        return Fail(ErrorCode::kCorrupt, "{}: {} = longrope without rope_factors_short.weight", path(),
                    fields_->Key("rope.scaling.type"));
    } else if (kind && *kind != "none") {
      return Fail(ErrorCode::kUnsupported, "{}: {} = {}", path(), fields_->Key("rope.scaling.type"), *kind);
    }
    STRATA_TRY(const auto factor, fields_->Find<double>("rope.scaling.factor"));
    scaling.factor = factor.value_or(1);
    STRATA_TRY(const auto original, fields_->Find<std::int64_t>("rope.scaling.original_context_length"));
    scaling.original_max_positions = original.value_or(config_.max_positions);
    if (!(scaling.factor > 0) || std::isinf(scaling.factor) || scaling.original_max_positions <= 0) {
      return Fail(ErrorCode::kCorrupt, "{}: rope scaling by {} of {} positions", path(), scaling.factor,
                  scaling.original_max_positions);
    }
    STRATA_CHECK(ReadAttentionFactor());
    if (scaling.kind == RopeScaling::Kind::kYarn) STRATA_CHECK(ReadYarn());
    if (FindTensor("rope_factors_short.weight") != nullptr) {
      // Beyond the original length all positions would take the long factors, those in the cache as well.
      scaling.kind = RopeScaling::Kind::kLongRope;
      config_.max_positions = std::min(config_.max_positions, scaling.original_max_positions);
      return ReadDivisors("rope_factors_short.weight");
    }
    return FindTensor("rope_freqs.weight") != nullptr ? ReadDivisors("rope_freqs.weight") : Status();
  }

  Status ReadDivisors(std::string_view tensor) {
    std::vector<float>& divisors = config_.rope_scaling.frequency_divisors;
    STRATA_TRY(divisors, DequantizeTensor(*FindTensor(tensor)));
    if (static_cast<std::int64_t>(divisors.size()) == config_.rotary_dim / 2) return {};
    return Fail(ErrorCode::kCorrupt, "{}: {} has {} values, {} are needed", path(), tensor, divisors.size(),
                config_.rotary_dim / 2);
  }

  /// llama.cpp multiplies these with each other and, under yarn, with the recommended factor.
  Status ReadAttentionFactor() {
    STRATA_TRY(const double attention, fields_->NumberOr("rope.scaling.attn_factor", 1));
    STRATA_TRY(const double yarn_attention, fields_->NumberOr("rope.scaling.yarn_attn_factor", 1));
    config_.rope_scaling.attention_factor = attention * yarn_attention;
    return {};
  }

  Status ReadYarn() {
    RopeScaling& scaling = config_.rope_scaling;
    scaling.attention_factor *= YarnAttentionFactor(scaling.factor);
    STRATA_TRY(scaling.beta_fast, fields_->NumberOr("rope.scaling.yarn_beta_fast", scaling.beta_fast));
    STRATA_TRY(scaling.beta_slow, fields_->NumberOr("rope.scaling.yarn_beta_slow", scaling.beta_slow));
    if (!(scaling.beta_fast > 0) || !(scaling.beta_slow > 0)) {
      return Fail(ErrorCode::kCorrupt, "{}: yarn's beta_fast is {}, its beta_slow {}", path(), scaling.beta_fast,
                  scaling.beta_slow);
    }
    STRATA_TRY(const double extrapolation, fields_->NumberOr("rope.scaling.yarn_ext_factor", 1));
    // Negative: not set.
    return RefuseUnless(extrapolation == 1 || extrapolation < 0, "rope.scaling.yarn_ext_factor", extrapolation);
  }

  Status RefuseUnless(bool neutral, std::string_view name, double value) const {
    if (neutral) return {};
    return Fail(ErrorCode::kUnsupported, "{}: {} = {} is not supported", path(), fields_->Key(name), value);
  }

  /// The ids that end an answer: the keys', and the control tokens that chat models end a turn with. Many files name
  /// only the base model's eos.
  Status ReadTokens() {
    for (const std::string_view name : {"eos", "eot", "eom"}) {
      STRATA_TRY(const auto id, file_.Find<std::int64_t>(fmt::format("tokenizer.ggml.{}_token_id", name)));
      if (!id) continue;
      if (*id < 0 || *id >= config_.vocab)
        return Fail(ErrorCode::kCorrupt, "{}: {} token {} of a vocabulary of {}", path(), name, *id, config_.vocab);
      AddEos(*id);
    }
    STRATA_TRY(const auto tokens, file_.Find<GgufArray>("tokenizer.ggml.tokens"));
    STRATA_TRY(const auto types, file_.Find<GgufArray>("tokenizer.ggml.token_type"));
    if (tokens && types) {
      constexpr std::int32_t kControl = 3;
      constexpr std::string_view kTurnEnds[] = {"<|eot_id|>",    "<|eom_id|>",      "<|im_end|>", "<|end|>",
                                                "<end_of_turn>", "<|end_of_turn|>", "<|return|>", "<|call|>"};
      const std::vector<std::string_view> texts = tokens->Strings();
      const std::vector<std::int32_t> kinds = types->Numbers<std::int32_t>();
      const std::size_t count = std::min({texts.size(), kinds.size(), static_cast<std::size_t>(config_.vocab)});
      for (std::size_t id = 0; id < count; ++id) {
        if (kinds[id] == kControl && std::ranges::find(kTurnEnds, texts[id]) != std::end(kTurnEnds))
          AddEos(static_cast<std::int64_t>(id));
      }
    }
    STRATA_TRY(const auto bos, file_.Find<std::int64_t>("tokenizer.ggml.bos_token_id"));
    if (bos) config_.bos_token_id = static_cast<std::int32_t>(*bos);
    STRATA_TRY(const auto pad, file_.Find<std::int64_t>("tokenizer.ggml.padding_token_id"));
    if (pad) config_.pad_token_id = static_cast<std::int32_t>(*pad);
    return {};
  }

  void AddEos(std::int64_t id) {
    const auto token = static_cast<std::int32_t>(id);
    std::vector<std::int32_t>& ids = config_.eos_token_ids;
    if (std::ranges::find(ids, token) == ids.end()) ids.push_back(token);
  }

  std::vector<GgufFile> parts_;
  const GgufFile& file_ = parts_.front();  ///< has the metadata
  std::optional<GgufFields> fields_;
  const GgufFamily* family_ = nullptr;
  ModelConfig config_;
  GenerationDefaults defaults_;
  std::vector<ModelTensor> tensors_;
  std::map<std::string, std::string> templates_;
};

}  // namespace

Result<std::int64_t> GgufFields::Positive(std::string_view name) const {
  STRATA_TRY(const auto value, file_.Get<std::int64_t>(Key(name)));
  if (value <= 0 || value > (1 << 30)) return Bad(ErrorCode::kCorrupt, name, "is {}", value);
  return value;
}

Result<std::int64_t> GgufFields::IntegerOr(std::string_view name, std::int64_t otherwise, std::int64_t least) const {
  STRATA_TRY(const auto given, Find<std::int64_t>(name));
  const std::int64_t value = given.value_or(otherwise);
  if (value < least || value > (1 << 30)) return Bad(ErrorCode::kCorrupt, name, "is {}", value);
  return value;
}

Result<double> GgufFields::FactorOr(std::string_view name, double otherwise) const {
  STRATA_TRY(const double value, NumberOr(name, otherwise));
  if (!(value >= 0) || std::isinf(value)) return Bad(ErrorCode::kCorrupt, name, "is {}", value);
  return value;
}

Status ReadOneWindow(const GgufFields& fields, ModelConfig& config) {
  constexpr std::string_view kKey = "attention.sliding_window";
  STRATA_TRY(const auto given, fields.Find<std::int64_t>(kKey));
  const std::int64_t window = given.value_or(0);
  if (window < 0) return fields.Bad(ErrorCode::kCorrupt, kKey, "is {}", window);
  if (window == 0 || window >= config.max_positions) return {};
  config.layer_attention.assign(static_cast<std::size_t>(config.layers), {.window = window});
  return {};
}

Result<double> GgufFields::NumberOr(std::string_view name, double otherwise) const {
  STRATA_TRY(const auto value, Find<double>(name));
  return value.value_or(otherwise);
}

Result<std::unique_ptr<ModelFile>> MakeGgufModel(GgufFile first, std::vector<GgufFile> others) {
  others.insert(others.begin(), std::move(first));
  auto model = std::make_unique<GgufModel>(std::move(others));
  STRATA_CHECK(model->Load());
  return model;
}

}  // namespace strata
