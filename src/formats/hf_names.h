// Inside formats: the names of a Hugging Face checkpoint's tensors in canonical terms, and back for errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/hf_family.h"

namespace strata {

class HfNames {
 public:
  /// `head`: of the family's, or nullptr for its class_name.
  HfNames(const HfFamily& family, const HfHead* head, std::int64_t layers)
      : family_(&family), head_(head), layers_(layers) {}

  /// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight". Checkpoints of the bare model have no "model.",
  /// those of models that read more than text have "language_model." before or behind it.
  /// nullopt: nothing that the model computes with. Errors: kUnsupported for a weight or bias in one of the layers that
  /// the family does not know: to leave it out would give something else than was trained.
  Result<std::optional<std::string>> Canonical(std::string_view stored) const;

  /// The inverse, for people; with "model." in front. What has no name there is returned as it is.
  std::string Stored(std::string_view canonical) const;

 private:
  std::span<const HfModule> head_modules() const {
    return head_ == nullptr ? std::span<const HfModule>() : head_->modules;
  }

  const HfFamily* family_;
  const HfHead* head_;
  std::int64_t layers_;
};

}  // namespace strata
