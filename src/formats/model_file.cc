#include "formats/model_file.h"

#include <algorithm>
#include <filesystem>

#include "base/hash.h"
#include "formats/gguf_model.h"
#include "formats/gguf_split.h"
#include "formats/huggingface_model.h"

namespace strata {
namespace {

Result<std::unique_ptr<ModelFile>> OpenGguf(const std::string& path) {
  STRATA_TRY(std::vector<GgufFile> parts, OpenGgufParts(path));
  GgufFile first = std::move(parts.front());
  parts.erase(parts.begin());
  return MakeGgufModel(std::move(first), std::move(parts));
}

/// Whether all are parts of one split model.
bool AreParts(const std::vector<std::string>& paths) {
  return !paths.empty() && std::ranges::all_of(paths, [&](const std::string& path) {
    const auto first = GgufPartName::Parse(paths.front()), name = GgufPartName::Parse(path);
    return first && name && name->base == first->base && name->count == first->count;
  });
}

const ModelTensor* Find(const std::vector<ModelTensor>& sorted, std::string_view name) {
  const auto found = std::ranges::lower_bound(sorted, name, {}, &ModelTensor::name);
  return found == sorted.end() || found->name != name ? nullptr : &*found;
}

}  // namespace

std::string ExpertName(std::string_view stack, std::int64_t expert) {
  const std::size_t ending = stack.rfind('.');
  return fmt::format("{}.{}{}", stack.substr(0, ending), expert, stack.substr(ending));
}

std::string StackName(std::string_view tensor) {
  const std::size_t ending = std::min(tensor.rfind('.'), tensor.size());
  const std::size_t number = tensor.substr(0, ending).rfind('.');
  const bool numbered = number != tensor.npos && number + 1 < ending &&
                        tensor.substr(number + 1, ending - number - 1).find_first_not_of("0123456789") == tensor.npos;
  return numbered ? fmt::format("{}{}", tensor.substr(0, number), tensor.substr(ending)) : std::string(tensor);
}

const TensorView* ModelFile::FindTensor(std::string_view name) const {
  const ModelTensor* tensor = Find(tensors(), name);
  return tensor == nullptr ? nullptr : &tensor->view;
}

const ModelTensor* ModelFile::FindExpert(std::string_view stack, std::int64_t expert) const {
  const ModelTensor* numbered = Find(tensors(), ExpertName(stack, expert));
  return numbered != nullptr || expert != 0 ? numbered : Find(tensors(), stack);
}

Status ModelFile::SortTensors(std::vector<ModelTensor>& tensors, const std::string& path) {
  std::ranges::sort(tensors, {}, &ModelTensor::name);
  const auto twice = std::ranges::adjacent_find(tensors, {}, &ModelTensor::name);
  if (twice == tensors.end()) return {};
  return Fail(ErrorCode::kCorrupt, "{}: tensor {} is stored twice", path, twice->name);
}

std::uint64_t ModelFile::SampleHash(std::span<const std::byte> bytes, std::uint64_t seed) {
  constexpr std::size_t kSample = 4096;
  std::uint64_t state = Hash64(fmt::format("{}", bytes.size()), seed);
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t at = bytes.size() > kSample ? (bytes.size() - kSample) / 63 * i : 0;
    state = Hash64(bytes.subspan(at, std::min(kSample, bytes.size() - at)), state);
  }
  return state;
}

Result<std::unique_ptr<ModelFile>> ModelFile::Open(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (path.ends_with(".safetensors") && fs::exists(path, error)) {
      return Fail(ErrorCode::kUnsupported,
                  "{}: weights alone are not a model: give the folder that also holds config.json", path);
    }
    return OpenGguf(path);
  }
  const bool config = fs::exists(path + "/config.json", error);
  if (config && HasSafetensors(path)) return OpenHuggingFaceModel(path);
  std::vector<std::string> candidates;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() == ".gguf") candidates.push_back(entry.path().string());
  }
  if (candidates.size() == 1 || AreParts(candidates)) return OpenGguf(candidates.front());
  if (config) {
    return Fail(ErrorCode::kNotFound,
                "{}: config.json has no weights beside it: neither model.safetensors nor model.safetensors.index.json "
                "(other weight files are not read)",
                path);
  }
  return Fail(
      ErrorCode::kUnsupported,
      "{}: a model folder holds config.json and safetensors, or one model in .gguf; this one holds {} such files", path,
      candidates.size());
}

}  // namespace strata
