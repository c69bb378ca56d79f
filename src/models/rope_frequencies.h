// Rotary frequencies under every position scaling.
#pragma once

#include <vector>

#include "formats/model_config.h"

namespace strata::models {

struct RopeFrequencies {
  std::vector<double> inverse;  ///< [rotary_dim/2], radians a token
  double scale = 1;             ///< multiplies cos and sin (yarn's and longrope's attention factor)
};

/// Source: transformers' modeling_rope_utils (linear; yarn: Peng et al. 2023; llama3: Llama 3.1's rule; longrope up to
/// the original length: its short factors). `dynamic` is as unscaled up to max_positions, where its rule begins to
/// change with the length of the sequence; the runner serves no longer contexts.
RopeFrequencies ComputeRopeFrequencies(const ModelConfig& config);

}  // namespace strata::models
