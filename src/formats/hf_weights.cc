#include "formats/hf_weights.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "formats/hf_json.h"

namespace strata {
namespace {

constexpr std::string_view kSingle = "/model.safetensors";
constexpr std::string_view kIndex = "/model.safetensors.index.json";

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

bool HasSafetensors(const std::string& folder) {
  return Exists(folder + std::string(kSingle)) || Exists(folder + std::string(kIndex));
}

Result<HuggingFaceWeights> HuggingFaceWeights::Open(const std::string& folder) {
  if (const std::string single = folder + std::string(kSingle); Exists(single)) {
    STRATA_TRY(SafetensorsFile file, SafetensorsFile::Open(single));
    return HuggingFaceWeights(std::move(file));
  }
  const std::string index = folder + std::string(kIndex);
  STRATA_TRY(const std::string text, ReadFile(index));
  return OfShards(text, index, [&](const std::string& shard) { return SafetensorsFile::Open(folder + "/" + shard); });
}

Result<HuggingFaceWeights> HuggingFaceWeights::OfShards(
    std::string_view text, std::string index,
    const std::function<Result<SafetensorsFile>(const std::string& shard)>& open) {
  STRATA_TRY(const nlohmann::json document, ParseJsonFile(text, index));
  const JsonFields fields(document, index);
  STRATA_TRY(const auto map, fields.Object("weight_map"));
  if (!map) return fields.Bad(ErrorCode::kCorrupt, "weight_map", "is missing");

  HuggingFaceWeights weights;
  std::map<std::string, std::vector<std::string>> tensors_of;  // by shard
  std::map<std::string, std::string> shard_of;                 // by tensor
  for (const auto& [tensor, value] : map->json().items()) {
    if (!value.is_string()) return map->Bad(ErrorCode::kCorrupt, tensor, "must be the name of a file");
    const auto& shard = value.get_ref<const std::string&>();
    // A shard lies beside its index: a path could point anywhere.
    if (shard.empty() || shard.find('/') != std::string::npos || shard == "." || shard == "..")
      return map->Bad(ErrorCode::kCorrupt, tensor, "{} is not the name of a file beside the index", shard);
    tensors_of[shard].push_back(tensor);
    shard_of[tensor] = shard;
  }
  for (const auto& [shard, tensors] : tensors_of) {
    STRATA_TRY(SafetensorsFile file, open(shard), "{} names the shard {}", index, shard);
    for (const SafetensorsTensor& tensor : file.tensors()) {
      const auto said = shard_of.find(tensor.name);
      if (said == shard_of.end())
        return Fail(ErrorCode::kCorrupt, "{}: tensor {} is in {}, the index does not list it", index, tensor.name,
                    shard);
      if (said->second != shard) {
        return Fail(ErrorCode::kCorrupt, "{}: tensor {} is in {}, the index says it is in {}", index, tensor.name,
                    shard, said->second);
      }
    }
    for (const std::string& tensor : tensors) {
      if (file.Find(tensor) == nullptr)
        return Fail(ErrorCode::kCorrupt, "{}: tensor {} is not in {}, where the index says it is", index, tensor,
                    shard);
    }
    weights.files_.push_back(std::move(file));
  }
  weights.path_ = std::move(index);
  return weights;
}

HuggingFaceWeights::Found HuggingFaceWeights::Find(std::string_view name) const {
  for (const SafetensorsFile& file : files_) {
    if (const SafetensorsTensor* tensor = file.Find(name)) return {&file, tensor};
  }
  return {nullptr, nullptr};
}

}  // namespace strata
