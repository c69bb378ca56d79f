#include "formats/model_file.h"

#include <algorithm>

namespace strata {

const TensorView* ModelFile::FindTensor(std::string_view name) const {
  const auto& all = tensors();
  const auto found = std::ranges::find(all, name, &ModelTensor::name);
  return found == all.end() ? nullptr : &found->view;
}

}  // namespace strata
