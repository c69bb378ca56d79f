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
  HfNames(const HfFamily& family, std::int64_t layers) : family_(&family), layers_(layers) {}

  /// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight". Checkpoints of the bare model have no "model.",
  /// those of models that read more than text have "language_model." before or behind it.
  /// nullopt: nothing that the model computes with. Errors: kUnsupported for a weight or bias in one of the layers that
  /// the family does not know: to leave it out would give something else than was trained.
  Result<std::optional<std::string>> Canonical(std::string_view stored) const;

  /// The inverse, for people; with "model." in front. What has no name there is returned as it is.
  std::string Stored(std::string_view canonical) const;

 private:
  const HfFamily* family_;
  std::int64_t layers_;
};

}  // namespace strata
