#include "quantize/stage_model.h"

#include <algorithm>
#include <span>
#include <utility>

namespace strata::quantize {

StageModel::StageModel(std::shared_ptr<const ModelFile> model)
    : model_(std::move(model)), tensors_(model_->tensors()) {}

void StageModel::Replace(const std::string& name, Matrix values) {
  Matrix& held = replaced_[name];
  held = std::move(values);
  const TensorView* old = FindTensor(name);
  TensorView view;
  // A vector stays one.
  const bool is_vector = old != nullptr && old->shape.rank() == 1;
  view.shape = is_vector ? Shape{held.rows * held.columns} : Shape{held.rows, held.columns};
  view.data = std::as_bytes(std::span(held.values));
  Replace(name, view);
}

void StageModel::Replace(const std::string& name, const TensorView& view) {
  auto at = std::ranges::lower_bound(tensors_, name, {}, &ModelTensor::name);
  if (at == tensors_.end() || at->name != name) at = tensors_.insert(at, {name, {}});
  at->view = view;
}

void StageModel::Restore() {
  tensors_ = model_->tensors();
  replaced_.clear();
}

}  // namespace strata::quantize
