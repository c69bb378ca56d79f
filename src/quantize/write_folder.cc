#include "quantize/write_folder.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "formats/gguf_tokenizer.h"
#include "formats/hf_export.h"
#include "formats/hf_family.h"
#include "formats/hf_names.h"
#include "quantize/compressed_tensors.h"
#include "tensor/convert.h"

namespace strata::quantize {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

FolderWriter::FolderWriter(const ModelFile& model, std::string in, std::string out, RoundedLayers rounded)
    : model_(model), in_(std::move(in)), out_(std::move(out)), rounded_(std::move(rounded)) {
  std::error_code error;
  from_gguf_ = !fs::is_directory(in_, error);
}

Result<std::uint64_t> FolderWriter::WriteTensors() {
  STRATA_CHECK(ReadConfig());  // before anything is written
  STRATA_CHECK(CollectTensors());
  std::error_code error;
  fs::create_directories(out_, error);
  if (error) {
    return Fail(ErrorCode::kIo, "{}: cannot create the folder: {}", out_, error.message());
  }
  STRATA_CHECK(from_gguf_ ? WriteTokenizer() : CopyOthers());
  STRATA_CHECK(WriteSafetensors(out_ + "/model.safetensors", tensors_, {{"format", "pt"}}));
  std::uint64_t bytes = 0;
  for (const SafetensorsOutput& tensor : tensors_) bytes += tensor.bytes;
  return bytes;
}

Status FolderWriter::WriteConfig(const std::string& folder, const WeightNames& rounded_inputs) const {
  STRATA_TRY(Json config, ReadConfig());
  std::vector<std::pair<std::string, ModuleScheme>> modules;
  modules.reserve(modules_.size());
  for (const Module& module : modules_) {
    modules.emplace_back(module.name, ModuleScheme{module.format, rounded_inputs.contains(module.weight)});
  }
  config["quantization_config"] = CompressedTensorsConfig(modules, ignored_);
  return WriteFileAtomically(folder + "/config.json", config.dump(2) + "\n");
}

Result<Json> FolderWriter::ReadConfig() const {
  if (from_gguf_) return HuggingFaceConfigOf(model_.config());
  STRATA_TRY(const std::string text, ReadFile(in_ + "/config.json"));
  return Json::parse(text);  // it was read before
}

Result<std::string> FolderWriter::Stored(const std::string& canonical) const {
  std::string name =
      from_gguf_ ? HfNames(kHfLlama, nullptr, model_.config().layers).Stored(canonical) : model_.StoredName(canonical);
  if (name != canonical) return name;
  return Fail(ErrorCode::kUnsupported, "{}: tensor {} has no name of its own in a Hugging Face folder", model_.path(),
              canonical);
}

Status FolderWriter::CollectTensors() {
  for (const ModelTensor& tensor : model_.tensors()) {
    if (from_gguf_ && tensor.name.starts_with("rope_")) continue;
    STRATA_TRY(const std::string stored, Stored(tensor.name));
    if (const auto found = rounded_.weights.find(tensor.name); found != rounded_.weights.end()) {
      const std::string module = stored.substr(0, stored.rfind('.'));
      RoundedGroups& weight = found->second;
      if (Permuted(tensor.name)) PermuteRows(weight);
      for (SafetensorsOutput& part : CompressedTensors(module, weight)) tensors_.push_back(std::move(part));
      modules_.push_back({module, tensor.name, weight.format});
      rounded_.weights.erase(found);
    } else {
      if (std::ranges::find(rounded_.kept, tensor.name) != rounded_.kept.end()) {
        ignored_.push_back(stored.substr(0, stored.rfind('.')));
      }
      AddAsItIs(tensor, stored);
    }
  }
  return {};
}

/// Norms that took scales in, and everything that is not rounded. What GGUF quantized becomes BF16.
void FolderWriter::AddAsItIs(const ModelTensor& tensor, const std::string& stored) {
  const Shape& shape = tensor.view.shape;
  std::vector<std::int64_t> dims;
  dims.reserve(shape.rank());
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) dims.push_back(shape[axis]);
  const DType dtype =
      tensor.view.dtype == DType::kF32 || tensor.view.dtype == DType::kF16 ? tensor.view.dtype : DType::kBF16;
  const std::string name = dtype == DType::kF32 ? "F32" : dtype == DType::kF16 ? "F16" : "BF16";
  const auto bytes = BytesOf(dtype, static_cast<std::size_t>(shape.elements()));
  const auto changed = rounded_.vectors.find(tensor.name);
  const std::vector<float> values = changed != rounded_.vectors.end() ? changed->second : std::vector<float>();
  const bool permuted = Permuted(tensor.name);
  tensors_.push_back({stored, name, dims, bytes,
                      [this, view = tensor.view, dtype, values, permuted]() -> Result<std::vector<std::byte>> {
                        std::vector<float> all = values;
                        if (all.empty()) {
                          STRATA_TRY(all, DequantizeTensor(view));
                        }
                        if (permuted) Permute(all, view.shape.rank() > 1 ? view.shape.cols() : 1);
                        return Quantize(dtype, all);
                      }});
}

bool FolderWriter::Permuted(std::string_view canonical) const {
  return from_gguf_ && (canonical.find(".attn_q.") != canonical.npos || canonical.find(".attn_k.") != canonical.npos);
}
void FolderWriter::Permute(std::span<float> rows, std::int64_t columns) const {
  PairsToHalves(rows, model_.config().head_dim, model_.config().rotary_dim, columns);
}
/// A permutation of the rows is one of indices.
void FolderWriter::PermuteRows(RoundedGroups& weight) const {
  std::vector<float> order(static_cast<std::size_t>(weight.rows));
  for (std::size_t r = 0; r < order.size(); ++r) order[r] = static_cast<float>(r);
  Permute(order, 1);
  const RoundedGroups from = weight;
  const auto move = [&](auto& to, const auto& source, std::int64_t width) {
    for (std::int64_t r = 0; r < weight.rows && !source.empty(); ++r) {
      const auto old = static_cast<std::int64_t>(order[static_cast<std::size_t>(r)]);
      std::copy_n(source.begin() + old * width, width, to.begin() + r * width);
    }
  };
  move(weight.values, from.values, weight.columns);
  move(weight.scales, from.scales, weight.groups());
  move(weight.zero_points, from.zero_points, weight.groups());
}

Status FolderWriter::CopyOthers() const {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(in_, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name.find(".safetensors") != name.npos || name.ends_with(".bin")) continue;
    fs::copy(entry.path(), fs::path(out_) / name, fs::copy_options::recursive, error);
    if (error) return Fail(ErrorCode::kIo, "{}: cannot copy: {}", entry.path().string(), error.message());
  }
  return {};
}

Status FolderWriter::WriteTokenizer() const {
  STRATA_TRY(const GgufFile file, GgufFile::Open(in_));
  STRATA_TRY(const GgufVocabulary vocabulary, ReadGgufVocabulary(file));
  STRATA_TRY(const std::string json, TokenizerJsonOf(vocabulary), "{}", in_);
  STRATA_CHECK(WriteFileAtomically(out_ + "/tokenizer.json", json));
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"model_max_length", model_.config().max_positions},
                 {"clean_up_tokenization_spaces", false}};
  const auto put = [&](const char* key, std::optional<TokenId> id) {
    if (id) config[key] = vocabulary.tokens[static_cast<std::size_t>(*id)];
  };
  put("bos_token", vocabulary.bos);
  put("eos_token", vocabulary.eos);
  put("pad_token", vocabulary.pad);
  put("unk_token", vocabulary.unk);
  for (const auto& [name, text] : model_.chat_templates()) {
    if (name == "default") config["chat_template"] = text;
  }
  return WriteFileAtomically(out_ + "/tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace strata::quantize
