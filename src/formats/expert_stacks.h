// Inside formats: stacks of experts that Hugging Face's files store the other way round, turned into ours.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "formats/hf_family.h"
#include "formats/model_file.h"

namespace strata {

/// Brings tensors ffn_*_exps that are stored as `stored` into the form [experts, n, k], gate's rows before up's. What
/// moves is copied to `copies`. Errors: kCorrupt naming a tensor whose shape does not fit the config.
Status TurnExpertStacks(HfStacks stored, const ModelConfig& config, std::vector<ModelTensor>& tensors,
                        std::vector<std::vector<std::byte>>& copies);

}  // namespace strata
