// A GGUF file as a ModelFile.
#include "formats/gguf_model.h"

#include <algorithm>

#include "base/hash.h"
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
  const std::map<std::string, std::string>& chat_templates() const override { return templates_; }

  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override {
    return LoadGgufTokenizer(file_);
  }

  std::string ContentKey() const override {
    // The header, the size and 64 samples of the data: reading all of a large file would cost what the caches save.
    const std::span<const std::byte> bytes = file_.file().bytes();
    constexpr std::size_t kSample = 4096;
    std::uint64_t state = Hash64(fmt::format("{}", bytes.size()));
    for (std::size_t i = 0; i < 64; ++i) {
      const std::size_t at = bytes.size() > kSample ? (bytes.size() - kSample) / 63 * i : 0;
      state = Hash64(bytes.subspan(at, std::min(kSample, bytes.size() - at)), state);
    }
    const auto header = static_cast<std::size_t>(tensors_.empty() ? bytes.data() + bytes.size() - bytes.data()
                                                                  : FirstTensor() - bytes.data());
    return Hash128{state, Hash64(bytes.first(header))}.ToHex();
  }

 private:
  const std::byte* FirstTensor() const {
    return std::ranges::min(tensors_, {}, [](const ModelTensor& tensor) { return tensor.view.data.data(); })
        .view.data.data();
  }
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
    if (const TensorView* divisors = FindTensor("rope_freqs.weight"); divisors != nullptr) {
      STRATA_TRY(scaling.frequency_divisors, DequantizeTensor(*divisors));
      if (static_cast<std::int64_t>(scaling.frequency_divisors.size()) != config_.rotary_dim / 2) {
        return Fail(ErrorCode::kCorrupt, "{}: rope_freqs.weight has {} values, {} are needed", path(),
                    scaling.frequency_divisors.size(), config_.rotary_dim / 2);
      }
    }
    return {};
  }

  Status ReadTokens() {
    // Chat models end a turn with eot or eom as well as with eos.
    for (const std::string_view name : {"eos", "eot", "eom"}) {
      STRATA_TRY(const auto id, file_.Find<std::int64_t>(fmt::format("tokenizer.ggml.{}_token_id", name)));
      if (!id) continue;
      if (*id < 0 || *id >= config_.vocab)
        return Fail(ErrorCode::kCorrupt, "{}: {} token {} of a vocabulary of {}", path(), name, *id, config_.vocab);
      const auto token = static_cast<std::int32_t>(*id);
      if (std::ranges::find(config_.eos_token_ids, token) == config_.eos_token_ids.end())
        config_.eos_token_ids.push_back(token);
    }
    STRATA_TRY(const auto bos, file_.Find<std::int64_t>("tokenizer.ggml.bos_token_id"));
    if (bos) config_.bos_token_id = static_cast<std::int32_t>(*bos);
    STRATA_TRY(const auto pad, file_.Find<std::int64_t>("tokenizer.ggml.padding_token_id"));
    if (pad) config_.pad_token_id = static_cast<std::int32_t>(*pad);
    return {};
  }

  GgufFile file_;
  ModelConfig config_;
  GenerationDefaults defaults_;
  std::vector<ModelTensor> tensors_;
  std::map<std::string, std::string> templates_;
};

}  // namespace

Result<std::unique_ptr<ModelFile>> OpenGgufModel(const std::string& path) {
  STRATA_TRY(GgufFile file, GgufFile::Open(path));
  auto model = std::make_unique<GgufModel>(std::move(file));
  STRATA_CHECK(model->Load());
  return model;
}

}  // namespace strata
