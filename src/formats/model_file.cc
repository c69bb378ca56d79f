#include "formats/model_file.h"

#include <algorithm>
#include <filesystem>

#include "formats/gguf_model.h"

namespace strata {

const TensorView* ModelFile::FindTensor(std::string_view name) const {
  const auto& all = tensors();
  const auto found = std::ranges::lower_bound(all, name, {}, &ModelTensor::name);
  return found == all.end() || found->name != name ? nullptr : &found->view;
}

Result<std::unique_ptr<ModelFile>> ModelFile::Open(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return OpenGgufModel(path);
  std::vector<std::string> candidates;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() == ".gguf") candidates.push_back(entry.path().string());
  }
  if (candidates.size() == 1) return OpenGgufModel(candidates.front());
  return Fail(ErrorCode::kUnsupported, "{}: a folder must hold exactly one .gguf file, this one holds {}", path,
              candidates.size());
}

}  // namespace strata
