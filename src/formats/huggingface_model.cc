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
#include "formats/hf_sentence.h"
#include "formats/hf_templates.h"

namespace strata {
namespace {

class HuggingFaceModel : public ModelFile {
 public:
  explicit HuggingFaceModel(std::string folder) : folder_(std::move(folder)) {}

  Status Load() {
    STRATA_CHECK(ReadConfigs());
    STRATA_TRY(templates_, ReadChatTemplates(folder_));
    STRATA_TRY(weights_, HuggingFaceWeights::Open(folder_));
    STRATA_CHECK(CollectTensors());
    DropTiedHead();
    STRATA_CHECK(TurnExpertStacks(family_->stacks, config_, tensors_, copies_), "{}", weights_.path());
    STRATA_CHECK(SplitFusedTensors(config_, tensors_), "{}", weights_.path());
    return SortTensors(tensors_, path());
  }

  const std::string& path() const override { return folder_; }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  std::string StoredName(std::string_view canonical) const override {
    return HfNames(*family_, head_, config_.layers).Stored(canonical);
  }
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
    STRATA_TRY(HuggingFaceConfig read, ParseHuggingFaceConfig(config_text_, path));
    config_ = std::move(read.config);
    family_ = read.family;
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

  Status CollectTensors() {
    const HfNames names(*family_, head_, config_.layers);
    for (const SafetensorsFile& file : weights_.files()) {
      for (const SafetensorsTensor& tensor : file.tensors()) {
        STRATA_TRY(auto canonical, names.Canonical(tensor.name), "{}", file.path());
        if (!canonical) continue;
        STRATA_TRY(TensorView view, file.View(tensor));
        if (view.dtype != DType::kF32 && view.dtype != DType::kF16 && view.dtype != DType::kBF16) {
          return Fail(ErrorCode::kUnsupported, "{}: tensor {}: weights of type {} are not supported", file.path(),
                      tensor.name, tensor.dtype);
        }
        view.data = Aligned(view);
        tensors_.push_back({std::move(*canonical), view});
      }
    }
    return {};
  }

  /// As transformers 5: embeddings said to be tied are not when the head is stored and differs.
  void DropTiedHead() {
    const auto head = std::ranges::find(tensors_, "output.weight", &ModelTensor::name);
    const auto table = std::ranges::find(tensors_, "token_embd.weight", &ModelTensor::name);
    if (!config_.tied_embeddings || head == tensors_.end() || table == tensors_.end()) return;
    if (std::ranges::equal(head->view.data, table->view.data)) {
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
