// Inside runtime: which experts a row goes to, and with which weights.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace strata {

/// graph::Op::kRoute's attributes. Sources: Shazeer et al. 2017 (the best of a softmax); DeepSeek-V2 section 2.1.2 and
/// DeepSeek-V3 section 2.1.2 (groups, sigmoid, a bias that corrects the choice alone).
struct RouteRule {
  enum class Scoring : std::uint8_t {
    kSoftmax,          ///< over all experts
    kSigmoid,          ///< of each expert alone
    kSoftmaxOfChosen,  ///< the greatest logits are chosen, the softmax is over these
  };
  std::int64_t experts = 0;
  std::int64_t used = 0;  ///< at most experts of the groups used
  Scoring scoring = Scoring::kSoftmax;
  std::int64_t groups = 1;  ///< divides experts
  std::int64_t groups_used = 1;
  bool group_by_two = false;  ///< a group's score is the sum of its two best, otherwise its best
  bool normalize = false;     ///< the weights of a row sum to 1
  float scale = 1;            ///< multiplies the weights at last

  std::int64_t scratch_floats() const { return 2 * experts + groups; }
};

/// Writes the row's `used` experts, the best first and of equals the lowest, and their weights. The experts are
/// distinct, whatever the logits (NaN is never chosen before a number). `bias` [experts] is added to the scores for the
/// choice alone; may be null. `scratch` has scratch_floats().
void Route(const RouteRule& rule, const kernels::RowKernels& kernels, const float* logits, const float* bias,
           float* scratch, std::int32_t* experts, float* weights);

}  // namespace strata
