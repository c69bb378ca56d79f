#include "formats/huggingface_model.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/hf_config.h"
#include "formats/hf_templates.h"

namespace strata {
namespace {

/// A linear layer of a block, and how its sizes follow from the config.
struct LinearName {
  std::string_view theirs, ours;
  std::int64_t (*rows)(const ModelConfig&);
  std::int64_t (*columns)(const ModelConfig&);
  bool ModelConfig::* bias;
};
std::int64_t Hidden(const ModelConfig& config) { return config.hidden; }
std::int64_t Ffn(const ModelConfig& config) { return config.ffn; }
std::int64_t Queries(const ModelConfig& config) { return config.heads * config.head_dim; }
std::int64_t Keys(const ModelConfig& config) { return config.kv_heads * config.head_dim; }
constexpr std::array kLinears = {
    LinearName{"self_attn.q_proj", "attn_q", Queries, Hidden, &ModelConfig::attention_bias},
    LinearName{"self_attn.k_proj", "attn_k", Keys, Hidden, &ModelConfig::attention_bias},
    LinearName{"self_attn.v_proj", "attn_v", Keys, Hidden, &ModelConfig::attention_bias},
    LinearName{"self_attn.o_proj", "attn_output", Hidden, Queries, &ModelConfig::attention_bias},
    LinearName{"mlp.gate_proj", "ffn_gate", Ffn, Hidden, &ModelConfig::mlp_bias},
    LinearName{"mlp.up_proj", "ffn_up", Ffn, Hidden, &ModelConfig::mlp_bias},
    LinearName{"mlp.down_proj", "ffn_down", Hidden, Ffn, &ModelConfig::mlp_bias}};

class HuggingFaceModel : public ModelFile {
 public:
  explicit HuggingFaceModel(std::string folder) : folder_(std::move(folder)) {}

  Status Load() {
    STRATA_CHECK(ReadConfigs());
    STRATA_TRY(templates_, ReadChatTemplates(folder_));
    STRATA_TRY(weights_, HuggingFaceWeights::Open(folder_));
    STRATA_CHECK(CollectTensors());
    std::ranges::sort(tensors_, {}, &ModelTensor::name);
    return {};
  }

  const std::string& path() const override { return folder_; }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  void DoneWith(const TensorView& tensor) const override { DropPages(tensor.data); }
  const std::map<std::string, std::string>& chat_templates() const override { return templates_; }

  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override {
    const std::string path = folder_ + "/tokenizer.json";
    STRATA_TRY(const std::string tokenizer, ReadFile(path));
    STRATA_TRY(const std::string config, ReadFileIfAny(folder_ + "/tokenizer_config.json"));
    STRATA_TRY(auto loaded, LoadTokenizerJson(tokenizer, config), "{}", path);
    return loaded;
  }

  std::string ContentKey() const override {
    Hash128 key{Hash64(config_text_), 0};
    for (const SafetensorsFile& file : weights_.files()) {
      key.low = SampleHash(file.bytes(), key.low);
      key.high = Hash64(file.bytes().first(file.header_bytes()), key.high);
    }
    return key.ToHex();
  }

 private:
  Status ReadConfigs() {
    const std::string path = folder_ + "/config.json";
    STRATA_TRY(config_text_, ReadFile(path));
    STRATA_TRY(config_, ParseHuggingFaceConfig(config_text_, path));
    // A trailing slash would hide the folder's name.
    config_.name = std::filesystem::absolute(folder_ + "/.").parent_path().filename().string();

    const std::string generation_path = folder_ + "/generation_config.json";
    STRATA_TRY(const std::string text, ReadFileIfAny(generation_path));
    if (text.empty()) return {};
    STRATA_TRY(const HuggingFaceGeneration generation, ParseGenerationConfig(text, generation_path, config_.vocab));
    defaults_ = generation.defaults;
    for (const std::int32_t id : generation.eos_token_ids) {
      if (std::ranges::find(config_.eos_token_ids, id) == config_.eos_token_ids.end())
        config_.eos_token_ids.push_back(id);
    }
    return {};
  }

  Status CollectTensors() {
    // Checkpoints of the bare model (LlamaModel) have no prefix.
    const bool bare = weights_.Find("embed_tokens.weight").tensor != nullptr;
    const std::string prefix = bare ? "" : "model.";
    STRATA_CHECK(Add(prefix + "embed_tokens.weight", "token_embd.weight", {config_.vocab, config_.hidden}));
    STRATA_CHECK(Add(prefix + "norm.weight", "output_norm.weight", {config_.hidden}));
    STRATA_CHECK(AddHead());
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string theirs = fmt::format("{}layers.{}.", prefix, layer);
      const std::string ours = fmt::format("blk.{}.", layer);
      STRATA_CHECK(Add(theirs + "input_layernorm.weight", ours + "attn_norm.weight", {config_.hidden}));
      STRATA_CHECK(Add(theirs + "post_attention_layernorm.weight", ours + "ffn_norm.weight", {config_.hidden}));
      for (const LinearName& linear : kLinears) {
        const std::string name = fmt::format("{}{}", theirs, linear.theirs);
        const std::string canonical = fmt::format("{}{}", ours, linear.ours);
        const std::int64_t rows = linear.rows(config_);
        STRATA_CHECK(Add(name + ".weight", canonical + ".weight", {rows, linear.columns(config_)}));
        if (config_.*linear.bias) {
          STRATA_CHECK(Add(name + ".bias", canonical + ".bias", {rows}));
        } else if (const auto found = weights_.Find(name + ".bias"); found.tensor != nullptr) {
          return Fail(ErrorCode::kUnsupported, "{}: tensor {} is there, but config.json says that there are no biases",
                      found.file->path(), found.tensor->name);
        }
      }
    }
    return {};
  }

  /// As transformers 5: embeddings said to be tied are not when the head is stored and differs.
  Status AddHead() {
    constexpr std::string_view kHead = "lm_head.weight";
    if (config_.tied_embeddings) {
      const auto head = weights_.Find(kHead);
      if (head.tensor == nullptr) return {};
      const std::span<const std::byte> table = tensors_.front().view.data;
      if (std::ranges::equal(head.tensor->data, table)) return {};
      config_.tied_embeddings = false;
    }
    return Add(std::string(kHead), "output.weight", {config_.vocab, config_.hidden});
  }

  Status Add(const std::string& name, std::string canonical, std::initializer_list<std::int64_t> dims) {
    const Shape wanted(dims);
    const auto [file, tensor] = weights_.Find(name);
    if (tensor == nullptr) {
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} {} is missing", weights_.path(), name, wanted.ToString());
    }
    STRATA_TRY(TensorView view, file->View(*tensor));
    if (view.shape != wanted) {
      return Fail(ErrorCode::kCorrupt, "{}: tensor {} is {}, config.json implies {}", file->path(), name,
                  view.shape.ToString(), wanted.ToString());
    }
    if (view.dtype != DType::kF32 && view.dtype != DType::kF16 && view.dtype != DType::kBF16) {
      return Fail(ErrorCode::kUnsupported, "{}: tensor {}: weights of type {} are not supported", file->path(), name,
                  tensor->dtype);
    }
    view.data = Aligned(view);
    tensors_.push_back({std::move(canonical), view});
    return {};
  }

  /// The format does not align tensors; files that today's writers make do. What lies crooked is copied.
  std::span<const std::byte> Aligned(const TensorView& view) {
    if (reinterpret_cast<std::uintptr_t>(view.data.data()) % Info(view.dtype).block_bytes == 0) return view.data;
    return copies_.emplace_back(view.data.begin(), view.data.end());
  }

  std::string folder_;
  std::string config_text_;
  ModelConfig config_;
  GenerationDefaults defaults_;
  HuggingFaceWeights weights_;
  std::vector<std::vector<std::byte>> copies_;
  std::vector<ModelTensor> tensors_;
  std::map<std::string, std::string> templates_;
};

}  // namespace

Result<std::unique_ptr<ModelFile>> OpenHuggingFaceModel(const std::string& folder) {
  auto model = std::make_unique<HuggingFaceModel>(folder);
  STRATA_CHECK(model->Load());
  return model;
}

}  // namespace strata
