// Rotary frequencies under every position scaling.
#pragma once

#include <vector>

#include "formats/model_config.h"

namespace strata::models {

struct RopeFrequencies {
  std::vector<double> inverse;  ///< [rotary_dim/2], radians a token
  double scale = 1;             ///< multiplies cos and sin (yarn's attention factor)
};

/// Source: transformers' modeling_rope_utils (linear; yarn: Peng et al. 2023; llama3: Llama 3.1's rule). `dynamic` and
/// `longrope` are as unscaled up to the original length, which is what strata serves.
RopeFrequencies ComputeRopeFrequencies(const ModelConfig& config);

}  // namespace strata::models
