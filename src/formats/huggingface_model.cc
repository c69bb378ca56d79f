#include "formats/huggingface_model.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/expert_stacks.h"
#include "formats/fused_tensors.h"
#include "formats/hf_config.h"
#include "formats/hf_names.h"
#include "formats/hf_quant.h"
#include "formats/hf_sentence.h"
#include "formats/hf_templates.h"
#include "tensor/finite.h"

namespace strata {
namespace {

constexpr std::string_view kEmbedding = "token_embd.weight";

class HuggingFaceModel : public ModelFile {
 public:
  explicit HuggingFaceModel(std::string folder) : folder_(std::move(folder)) {}

  Status Load() {
    STRATA_CHECK(ReadConfigs());
    STRATA_TRY(templates_, ReadChatTemplates(folder_));
    STRATA_TRY(weights_, HuggingFaceWeights::Open(folder_));
    STRATA_CHECK(CollectTensors());
    DropTiedHead();
    STRATA_CHECK(TurnExpertStacks(family_->stacks, config_, tensors_, copies_, sources_), "{}", weights_.path());
    STRATA_CHECK(SplitFusedTensors(config_, tensors_), "{}", weights_.path());
    return SortTensors(tensors_, path());
  }

  const std::string& path() const override { return folder_; }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  std::string StoredName(std::string_view canonical) const override { return Names().Stored(canonical); }
  void DoneWith(const TensorView& tensor) const override {
    if (tensor.source == nullptr) return DropPages(tensor.data);
    tensor.source->DoneWith(tensor.first_row, tensor.shape.rows());
  }
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
  std::string StateKey() const override {
    std::string key = ContentKey();
    for (const SafetensorsFile& file : weights_.files()) key += fmt::format(" {}", file.modified());
    return key;
  }

 private:
  Status ReadConfigs() {
    const std::string path = folder_ + "/config.json";
    STRATA_TRY(config_text_, ReadFile(path));
    STRATA_TRY(HuggingFaceConfig read, ParseHuggingFaceConfig(config_text_, path));
    config_ = std::move(read.config);
    family_ = read.family;
    quantization_ = read.quantization;
    head_ = read.head;
    STRATA_CHECK(ReadSentenceTransformers(folder_, config_));
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

  HfNames Names() const { return {*family_, head_, config_.layers + config_.nextn_layers}; }

  Status CollectTensors() {
    const HfNames names = Names();
    std::optional<HfQuantReader> quantized;
    if (quantization_) quantized.emplace(*quantization_, weights_);
    for (const SafetensorsFile& file : weights_.files()) {
      for (const SafetensorsTensor& tensor : file.tensors()) {
        const auto part = quantized ? quantized->PartOf(tensor) : std::nullopt;
        if (part && !part->main) continue;
        STRATA_TRY(auto canonical, names.Canonical(part ? part->weight : tensor.name), "{}", file.path());
        if (!canonical) continue;
        TensorView view;
        if (part) {
          STRATA_TRY(view, quantized->Read(file, tensor, sources_.emplace_back()));
          if (*canonical == kEmbedding) {
            STRATA_TRY(view, Made(view), "{}: tensor {}", file.path(), tensor.name);
          }
        } else {
          STRATA_TRY(view, Plain(file, tensor));
        }
        tensors_.push_back({std::move(*canonical), view});
      }
    }
    return {};
  }

  Result<TensorView> Plain(const SafetensorsFile& file, const SafetensorsTensor& tensor) {
    STRATA_TRY(TensorView view, file.View(tensor));
    if (view.dtype != DType::kF32 && view.dtype != DType::kF16 && view.dtype != DType::kBF16) {
      return Fail(ErrorCode::kUnsupported, "{}: tensor {}: weights of type {} are not supported", file.path(),
                  tensor.name, tensor.dtype);
    }
    view.data = Aligned(view);
    return view;
  }

  /// With its rows in memory: those of the embedding are looked up in every step.
  Result<TensorView> Made(const TensorView& view) {
    if (const auto found = FirstRowNotFinite(view)) {
      return Fail(ErrorCode::kCorrupt, "row {} has a number that is not finite", *found);
    }
    std::vector<std::byte>& copy = copies_.emplace_back();
    std::vector<std::byte> scratch;
    for (std::int64_t r = 0; r < view.shape.rows(); ++r) {
      const std::span<const std::byte> row = view.row(r, scratch);
      copy.insert(copy.end(), row.begin(), row.end());
    }
    return TensorView{view.dtype, view.shape, copy};
  }

  /// As transformers 5: embeddings said to be tied are not when the head is stored and differs.
  void DropTiedHead() {
    const auto head = std::ranges::find(tensors_, "output.weight", &ModelTensor::name);
    const auto table = std::ranges::find(tensors_, kEmbedding, &ModelTensor::name);
    if (!config_.tied_embeddings || head == tensors_.end() || table == tensors_.end()) return;
    if (head->view.source == nullptr && std::ranges::equal(head->view.data, table->view.data)) {
      tensors_.erase(head);
    } else {
      config_.tied_embeddings = false;
    }
  }

  /// The format does not align tensors; files that today's writers make do. What lies crooked is copied.
  std::span<const std::byte> Aligned(const TensorView& view) {
    if (reinterpret_cast<std::uintptr_t>(view.data.data()) % Info(view.dtype).block_bytes == 0) return view.data;
    return copies_.emplace_back(view.data.begin(), view.data.end());
  }

  std::string folder_;
  std::string config_text_;
  ModelConfig config_;
  const HfFamily* family_ = nullptr;
  const HfHead* head_ = nullptr;
  GenerationDefaults defaults_;
  HuggingFaceWeights weights_;
  std::optional<HfQuantConfig> quantization_;
  std::vector<std::unique_ptr<RowSource>> sources_;
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
