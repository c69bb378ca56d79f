// An integer scheme's model as a Hugging Face folder.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "formats/model_file.h"
#include "formats/safetensors_writer.h"
#include "quantize/rounding.h"

namespace strata::quantize {

using WeightNames = std::set<std::string, std::less<>>;

class FolderWriter {
 public:
  /// `in` is where `model` was opened; both must outlive this.
  FolderWriter(const ModelFile& model, std::string in, std::string out, RoundedLayers rounded);

  /// Makes the folder, with all but its config.json: a folder that has one is whole. Returns the bytes of the tensors.
  /// Errors: kUnsupported for a tensor that has no name of its own on Hugging Face, or a GGUF file of a kind that is
  /// not translated; kIo.
  Result<std::uint64_t> WriteTensors();

  /// config.json in `folder`, after WriteTensors. The linears over `rounded_inputs` round their inputs by the token.
  Status WriteConfig(const std::string& folder, const WeightNames& rounded_inputs) const;

 private:
  struct Module {
    std::string name;    ///< as stored
    std::string weight;  ///< canonical
    GroupFormat format;
  };

  Result<nlohmann::ordered_json> ReadConfig() const;
  Result<std::string> Stored(const std::string& canonical) const;
  Status CollectTensors();
  void AddAsItIs(const ModelTensor& tensor, const std::string& stored);
  bool Permuted(std::string_view canonical) const;
  void Permute(std::span<float> rows, std::int64_t columns) const;
  void PermuteRows(RoundedGroups& weight) const;
  Status CopyOthers() const;
  Status WriteTokenizer() const;

  const ModelFile& model_;
  std::string in_, out_;
  RoundedLayers rounded_;
  bool from_gguf_ = false;
  std::vector<SafetensorsOutput> tensors_;
  std::vector<Module> modules_;
  std::vector<std::string> ignored_ = {"lm_head"};  ///< modules
};

}  // namespace strata::quantize
