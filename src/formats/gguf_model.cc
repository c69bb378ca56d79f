// A GGUF file as a ModelFile.
#include "formats/gguf_model.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/gguf.h"
#include "formats/gguf_tokenizer.h"
#include "tensor/convert.h"

namespace strata {
namespace {

class GgufModel : public ModelFile {
 public:
  explicit GgufModel(GgufFile file) : file_(std::move(file)) {}

  Status Load() {
    STRATA_TRY(const std::string_view architecture, file_.Get<std::string_view>("general.architecture"));
    config_.architecture = architecture;
    for (const GgufTensor& tensor : file_.tensors()) tensors_.push_back({std::string(tensor.name), tensor.view});
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
    STRATA_TRY(const auto parts, file_.Find<std::int64_t>("split.count"));
    if (parts.value_or(1) > 1) {
      return Fail(ErrorCode::kUnsupported,
                  "{}: split.count is {}: a model split over several GGUF files is not supported (llama-gguf-split "
                  "--merge makes one file of them)",
                  path(), *parts);
    }
    if (architecture != "llama") {
      return Fail(ErrorCode::kUnsupported, "{}: architecture {} is not supported (supported: llama)", path(),
                  architecture);
    }
    STRATA_CHECK(ReadShape());
    STRATA_CHECK(ReadRope());
    STRATA_CHECK(ReadTokens());
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
    const std::span<const std::byte> bytes = file_.bytes();
    const std::byte* data = bytes.data() + bytes.size();
    for (const ModelTensor& tensor : tensors_) data = std::min(data, tensor.view.data.data());
    return Hash128{SampleHash(bytes, 0), Hash64(bytes.first(static_cast<std::size_t>(data - bytes.data())))}.ToHex();
  }

 private:
  std::string Key(std::string_view name) const { return fmt::format("{}.{}", config_.architecture, name); }

  Result<std::int64_t> Positive(std::string_view name) const {
    STRATA_TRY(const auto value, file_.Get<std::int64_t>(Key(name)));
    if (value <= 0 || value > (1 << 30)) return Fail(ErrorCode::kCorrupt, "{}: {} is {}", path(), Key(name), value);
    return value;
  }

  Status ReadShape() {
    STRATA_TRY(const auto name, file_.Find<std::string_view>("general.name"));
    config_.name = name.value_or("");
    STRATA_TRY(config_.layers, Positive("block_count"));
    STRATA_TRY(config_.hidden, Positive("embedding_length"));
    STRATA_TRY(config_.heads, Positive("attention.head_count"));
    STRATA_TRY(const auto kv_heads, file_.Find<std::int64_t>(Key("attention.head_count_kv")));
    config_.kv_heads = kv_heads.value_or(config_.heads);
    if (config_.kv_heads <= 0 || config_.heads % config_.kv_heads != 0) {
      return Fail(ErrorCode::kCorrupt, "{}: {} query heads cannot share {} KV heads", path(), config_.heads,
                  config_.kv_heads);
    }
    STRATA_TRY(const auto head_dim, file_.Find<std::int64_t>(Key("attention.key_length")));
    config_.head_dim = head_dim.value_or(config_.hidden / config_.heads);
    if (config_.head_dim <= 0 || config_.head_dim % 2 != 0 || config_.head_dim > 4096)
      return Fail(ErrorCode::kCorrupt, "{}: head size {}", path(), config_.head_dim);
    STRATA_TRY(config_.ffn, Positive("feed_forward_length"));
    STRATA_TRY(config_.max_positions, Positive("context_length"));
    STRATA_TRY(const auto experts, file_.Find<std::int64_t>(Key("expert_count")));
    if (experts.value_or(0) > 0)
      return Fail(ErrorCode::kUnsupported, "{}: mixture of experts ({} experts) is not supported", path(), *experts);
    STRATA_TRY(const auto window, file_.Find<std::int64_t>(Key("attention.sliding_window")));
    const std::int64_t window_size = window.value_or(0);
    STRATA_CHECK(RefuseUnless(window_size <= 0 || window_size >= config_.max_positions, "attention.sliding_window",
                              static_cast<double>(window_size)));
    STRATA_TRY(const auto value_length, file_.Find<std::int64_t>(Key("attention.value_length")));
    STRATA_CHECK(RefuseUnless(value_length.value_or(config_.head_dim) == config_.head_dim, "attention.value_length",
                              static_cast<double>(value_length.value_or(0))));
    STRATA_TRY(config_.norm_eps, file_.Get<double>(Key("attention.layer_norm_rms_epsilon")));
    const TensorView* embedding = FindTensor("token_embd.weight");
    if (embedding == nullptr) return Fail(ErrorCode::kCorrupt, "{}: tensor token_embd.weight is missing", path());
    config_.vocab = embedding->shape.rows();
    config_.tied_embeddings = FindTensor("output.weight") == nullptr;
    config_.attention_bias = FindTensor("blk.0.attn_q.bias") != nullptr;
    config_.mlp_bias = FindTensor("blk.0.ffn_up.bias") != nullptr;
    return {};
  }

  Status ReadRope() {
    config_.rope_layout = RopeLayout::kInterleaved;
    STRATA_TRY(const auto rotary, file_.Find<std::int64_t>(Key("rope.dimension_count")));
    config_.rotary_dim = rotary.value_or(config_.head_dim);
    if (config_.rotary_dim <= 0 || config_.rotary_dim > config_.head_dim || config_.rotary_dim % 2 != 0) {
      return Fail(ErrorCode::kCorrupt, "{}: {} is {} for heads of {}", path(), Key("rope.dimension_count"),
                  config_.rotary_dim, config_.head_dim);
    }
    STRATA_TRY(const auto theta, file_.Find<double>(Key("rope.freq_base")));
    config_.rope_theta = theta.value_or(10000);
    RopeScaling& scaling = config_.rope_scaling;
    STRATA_TRY(const auto kind, file_.Find<std::string_view>(Key("rope.scaling.type")));
    if (kind == "linear") {
      scaling.kind = RopeScaling::Kind::kLinear;
    } else if (kind == "yarn") {
      scaling.kind = RopeScaling::Kind::kYarn;
    } else if (kind && *kind != "none") {
      return Fail(ErrorCode::kUnsupported, "{}: {} = {}", path(), Key("rope.scaling.type"), *kind);
    }
    STRATA_TRY(const auto factor, file_.Find<double>(Key("rope.scaling.factor")));
    scaling.factor = factor.value_or(1);
    STRATA_TRY(const auto original, file_.Find<std::int64_t>(Key("rope.scaling.original_context_length")));
    scaling.original_max_positions = original.value_or(config_.max_positions);
    if (!(scaling.factor > 0) || std::isinf(scaling.factor) || scaling.original_max_positions <= 0) {
      return Fail(ErrorCode::kCorrupt, "{}: rope scaling by {} of {} positions", path(), scaling.factor,
                  scaling.original_max_positions);
    }
    STRATA_CHECK(ReadAttentionFactor());
    if (scaling.kind == RopeScaling::Kind::kYarn) STRATA_CHECK(ReadYarn());
    if (const TensorView* divisors = FindTensor("rope_freqs.weight"); divisors != nullptr) {
      STRATA_TRY(scaling.frequency_divisors, DequantizeTensor(*divisors));
      if (static_cast<std::int64_t>(scaling.frequency_divisors.size()) != config_.rotary_dim / 2) {
        return Fail(ErrorCode::kCorrupt, "{}: rope_freqs.weight has {} values, {} are needed", path(),
                    scaling.frequency_divisors.size(), config_.rotary_dim / 2);
      }
    }
    return {};
  }

  Result<double> NumberOr(std::string_view name, double otherwise) const {
    STRATA_TRY(const auto value, file_.Find<double>(Key(name)));
    return value.value_or(otherwise);
  }

  /// llama.cpp multiplies these with each other and, under yarn, with the recommended factor.
  Status ReadAttentionFactor() {
    STRATA_TRY(const double attention, NumberOr("rope.scaling.attn_factor", 1));
    STRATA_TRY(const double yarn_attention, NumberOr("rope.scaling.yarn_attn_factor", 1));
    config_.rope_scaling.attention_factor = attention * yarn_attention;
    return {};
  }

  Status ReadYarn() {
    RopeScaling& scaling = config_.rope_scaling;
    scaling.attention_factor *= YarnAttentionFactor(scaling.factor);
    STRATA_TRY(scaling.beta_fast, NumberOr("rope.scaling.yarn_beta_fast", scaling.beta_fast));
    STRATA_TRY(scaling.beta_slow, NumberOr("rope.scaling.yarn_beta_slow", scaling.beta_slow));
    if (!(scaling.beta_fast > 0) || !(scaling.beta_slow > 0)) {
      return Fail(ErrorCode::kCorrupt, "{}: yarn's beta_fast is {}, its beta_slow {}", path(), scaling.beta_fast,
                  scaling.beta_slow);
    }
    STRATA_TRY(const double extrapolation, NumberOr("rope.scaling.yarn_ext_factor", 1));
    // Negative: not set.
    STRATA_CHECK(RefuseUnless(extrapolation == 1 || extrapolation < 0, "rope.scaling.yarn_ext_factor", extrapolation));
    STRATA_TRY(const double log_multiplier, NumberOr("rope.scaling.yarn_log_multiplier", 0));
    return RefuseUnless(log_multiplier == 0, "rope.scaling.yarn_log_multiplier", log_multiplier);
  }

  Status RefuseUnless(bool neutral, std::string_view name, double value) const {
    if (neutral) return {};
    return Fail(ErrorCode::kUnsupported, "{}: {} = {} is not supported", path(), Key(name), value);
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

  GgufFile file_;
  ModelConfig config_;
  GenerationDefaults defaults_;
  std::vector<ModelTensor> tensors_;
  std::map<std::string, std::string> templates_;
};

}  // namespace

Result<std::unique_ptr<ModelFile>> MakeGgufModel(GgufFile file) {
  auto model = std::make_unique<GgufModel>(std::move(file));
  STRATA_CHECK(model->Load());
  return model;
}

}  // namespace strata
