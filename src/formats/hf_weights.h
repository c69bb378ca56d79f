// Inside formats: the safetensors of a Hugging Face folder, one file or shards with an index, as one set of tensors.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/safetensors.h"

namespace strata {

/// Whether the folder has model.safetensors or model.safetensors.index.json.
bool HasSafetensors(const std::string& folder);

class HuggingFaceWeights {
 public:
  /// model.safetensors where there is one (as transformers prefers), else the shards that the index names.
  /// Errors: those of SafetensorsFile; kNotFound naming index and shard; kCorrupt when index and shards disagree about
  /// where a tensor is.
  static Result<HuggingFaceWeights> Open(const std::string& folder);
  /// Of one file that is open already.
  explicit HuggingFaceWeights(SafetensorsFile file) : path_(file.path()) { files_.push_back(std::move(file)); }
  HuggingFaceWeights() = default;
  /// The shards that the text of an index, which lies at `index`, names; `open` is given the name of each.
  static Result<HuggingFaceWeights> OfShards(
      std::string_view text, std::string index,
      const std::function<Result<SafetensorsFile>(const std::string& shard)>& open);

  struct Found {
    const SafetensorsFile* file;
    const SafetensorsTensor* tensor;
  };
  /// nullptrs when there is no such tensor.
  Found Find(std::string_view name) const;
  const std::vector<SafetensorsFile>& files() const { return files_; }
  /// What errors about a missing tensor name: the one file, or the index.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<SafetensorsFile> files_;
};

}  // namespace strata
