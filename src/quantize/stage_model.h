// A model some of whose tensors are others in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/model_file.h"
#include "quantize/matrix.h"

namespace strata::quantize {

class StageModel final : public ModelFile {
 public:
  explicit StageModel(std::shared_ptr<const ModelFile> model);

  /// From now on the tensor is that, as f32; a name that the model does not have is added. Views of what it was before
  /// are valid no longer.
  void Replace(const std::string& name, Matrix values);
  /// The same with what somebody else holds, in any type.
  void Replace(const std::string& name, const TensorView& view);
  /// All tensors are the model's own again.
  void Restore();

  const std::string& path() const override { return model_->path(); }
  const ModelConfig& config() const override { return model_->config(); }
  const GenerationDefaults& generation_defaults() const override { return model_->generation_defaults(); }
  const std::vector<ModelTensor>& tensors() const override { return tensors_; }
  std::string StoredName(std::string_view canonical) const override { return model_->StoredName(canonical); }
  const std::map<std::string, std::string>& chat_templates() const override { return model_->chat_templates(); }
  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override { return model_->LoadTokenizer(); }
  std::string ContentKey() const override { return model_->ContentKey(); }

 private:
  std::shared_ptr<const ModelFile> model_;
  std::vector<ModelTensor> tensors_;
  std::map<std::string, Matrix> replaced_;
};

}  // namespace strata::quantize
