#include "runtime/route.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();    ///< of what is chosen only when nothing else is left
constexpr float kTaken = std::numeric_limits<float>::quiet_NaN();  ///< argmax never takes it again

/// Each expert's share of a softmax, its sigmoid, or its logit as it is.
void Score(const RouteRule& rule, const kernels::RowKernels& kernels, const float* logits, float* scores) {
  switch (rule.scoring) {
    case RouteRule::Scoring::kSoftmax: {
      const auto sum = static_cast<float>(kernels.softmax(logits, nullptr, 1, rule.experts, scores));
      for (std::int64_t e = 0; e < rule.experts; ++e) scores[e] /= sum;
      break;
    }
    case RouteRule::Scoring::kSigmoid:
      for (std::int64_t e = 0; e < rule.experts; ++e) scores[e] = 1 / (1 + std::exp(-logits[e]));
      break;
    case RouteRule::Scoring::kSoftmaxOfChosen:
      std::copy_n(logits, rule.experts, scores);
      break;
  }
}

float GroupScore(const float* choice, std::int64_t count, bool by_two) {
  float first = kOut, second = kOut;
  for (std::int64_t e = 0; e < count; ++e) {
    if (choice[e] > first) {
      second = first;
      first = choice[e];
    } else if (choice[e] > second) {
      second = choice[e];
    }
  }
  return by_two && count > 1 ? first + second : first;
}

/// Of `count` values the greatest that is not taken, which then is.
std::int64_t TakeBest(const kernels::RowKernels& kernels, float* values, std::int64_t count) {
  const std::int64_t best = kernels.argmax(values, nullptr, count);
  values[best] = kTaken;
  return best;
}

void KeepBestGroups(const RouteRule& rule, const kernels::RowKernels& kernels, float* choice, float* groups) {
  const std::int64_t size = rule.experts / rule.groups;
  for (std::int64_t g = 0; g < rule.groups; ++g) groups[g] = GroupScore(choice + g * size, size, rule.group_by_two);
  for (std::int64_t i = 0; i < rule.groups_used; ++i) TakeBest(kernels, groups, rule.groups);
  for (std::int64_t g = 0; g < rule.groups; ++g) {
    if (!std::isnan(groups[g])) std::fill_n(choice + g * size, size, kOut);
  }
}

}  // namespace

void Route(const RouteRule& rule, const kernels::RowKernels& kernels, const float* logits, const float* bias,
           float* scratch, std::int32_t* experts, float* weights) {
  float* const scores = scratch;
  float* const choice = scores + rule.experts;
  Score(rule, kernels, logits, scores);
  for (std::int64_t e = 0; e < rule.experts; ++e) {
    choice[e] = bias != nullptr ? scores[e] + bias[e] : scores[e];
    if (std::isnan(choice[e])) choice[e] = kOut;
  }
  if (rule.groups_used < rule.groups) KeepBestGroups(rule, kernels, choice, choice + rule.experts);
  for (std::int64_t i = 0; i < rule.used; ++i) {
    const std::int64_t best = TakeBest(kernels, choice, rule.experts);
    experts[i] = static_cast<std::int32_t>(best);
    weights[i] = scores[best];
  }
  float factor = rule.scale;
  if (rule.scoring == RouteRule::Scoring::kSoftmaxOfChosen) {
    factor /= static_cast<float>(kernels.softmax(weights, nullptr, 1, rule.used, weights));
  } else if (rule.normalize) {
    float sum = 0;
    for (std::int64_t i = 0; i < rule.used; ++i) sum += weights[i];
    factor /= sum + 1e-20F;  // DeepSeek's guard against sigmoids that are all 0
  }
  for (std::int64_t i = 0; i < rule.used; ++i) weights[i] *= factor;
}

}  // namespace strata
