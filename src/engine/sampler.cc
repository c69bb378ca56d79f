#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cpu_features.h"
#include "kernels/kernels.h"

namespace strata {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

TokenId Argmax(std::span<const float> logits) {
  static const kernels::RowKernels& rows = kernels::SelectRowKernels(Cpu());
  return static_cast<TokenId>(rows.argmax(logits.data(), static_cast<std::int64_t>(logits.size())));
}

/// Higher values first, then lower ids: every platform gives the same order.
constexpr auto kMoreLikely = [](const std::pair<float, TokenId>& a, const std::pair<float, TokenId>& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
};

}  // namespace

TokenLogprobs ComputeLogprobs(std::span<const float> logits, TokenId chosen, int top) {
  const float highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float value : logits) sum += std::exp(static_cast<double>(value - highest));
  const double normalizer = highest + std::log(sum);
  const auto logprob = [&](float value) { return static_cast<float>(value - normalizer); };
  TokenLogprobs result;
  const float chosen_logit = logits[static_cast<std::size_t>(chosen)];
  std::int32_t rank = 1;
  for (const float value : logits) rank += value > chosen_logit ? 1 : 0;
  result.chosen = {chosen, logprob(chosen_logit), rank};
  const auto count = std::min(static_cast<std::size_t>(std::max(top, 0)), logits.size());
  if (count == 0) return result;
  std::vector<std::pair<float, TokenId>> order(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) order[i] = {logits[i], static_cast<TokenId>(i)};
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), kMoreLikely);
  for (std::size_t i = 0; i < count; ++i) {
    result.top.push_back({order[i].second, logprob(order[i].first), static_cast<std::int32_t>(i + 1)});
  }
  return result;
}

Sampler::Sampler(const SamplingParams& params, std::span<const TokenId> prompt, std::uint64_t fallback_seed)
    : params_(params), random_(params.seed.value_or(fallback_seed)) {
  if (params_.repetition_penalty != 1) {
    for (const TokenId token : prompt) seen_[token] = true;
  }
}

bool Sampler::ChangesLogits() const {
  return params_.repetition_penalty != 1 || params_.presence_penalty != 0 || params_.frequency_penalty != 0 ||
         !params_.logit_bias.empty() || !params_.allowed_token_ids.empty();
}

TokenId Sampler::Sample(std::span<const float> logits, std::span<const TokenId> forbidden, TokenFilter* filter) {
  if (TakesArgmax() && forbidden.empty()) {
    const TokenId token = Argmax(logits);
    if (filter == nullptr || filter->Allows(token)) return Count(token);  // mostly so, and no mask is needed
  }
  const std::span<const std::uint32_t> allowed = filter == nullptr ? std::span<const std::uint32_t>() : filter->Mask();
  adjusted_.assign(logits.begin(), logits.end());
  Adjust(forbidden, allowed);
  if (!allowed.empty() && !forbidden.empty() && std::ranges::max(adjusted_) == kNever) {
    adjusted_.assign(logits.begin(), logits.end());
    Adjust({}, allowed);
  }
  return Count(params_.temperature == 0 ? Argmax(adjusted_) : Draw());
}

TokenId Sampler::Take(TokenId token) { return Count(token); }

TokenId Sampler::Count(TokenId token) {
  ++output_counts_[token];
  if (params_.repetition_penalty != 1) seen_[token] = true;
  return token;
}

void Sampler::Adjust(std::span<const TokenId> forbidden, std::span<const std::uint32_t> allowed) {
  const auto at = [&](TokenId token) -> float& { return adjusted_[static_cast<std::size_t>(token)]; };
  if (!params_.allowed_token_ids.empty()) {
    std::vector<float> only(adjusted_.size(), kNever);
    for (const TokenId token : params_.allowed_token_ids) only[static_cast<std::size_t>(token)] = at(token);
    adjusted_ = std::move(only);
  }
  for (const auto& [token, bias] : params_.logit_bias) at(token) += bias;
  const auto repetition = static_cast<float>(params_.repetition_penalty);
  for (const auto& [token, seen] : seen_) at(token) = at(token) > 0 ? at(token) / repetition : at(token) * repetition;
  if (params_.presence_penalty != 0 || params_.frequency_penalty != 0) {
    for (const auto& [token, count] : output_counts_) {
      at(token) -=
          static_cast<float>(params_.presence_penalty + params_.frequency_penalty * static_cast<double>(count));
    }
  }
  for (const TokenId token : forbidden) at(token) = kNever;
  for (std::size_t i = 0; i < adjusted_.size() && !allowed.empty(); ++i) {
    // A head may have more columns than the tokenizer has tokens.
    if (i / 32 >= allowed.size() || (allowed[i / 32] >> (i % 32) & 1) == 0) adjusted_[i] = kNever;
  }
}

TokenId Sampler::Draw() {
  const auto inverse = static_cast<float>(1 / params_.temperature);
  candidates_.clear();
  const float highest = *std::ranges::max_element(adjusted_);
  if (highest == kNever) return Argmax(adjusted_);
  // Below this the probability is under 1e-13 of the best one's: no draw of a double would tell.
  const float floor = highest - static_cast<float>(30 * params_.temperature);
  for (std::size_t i = 0; i < adjusted_.size(); ++i) {
    if (adjusted_[i] >= floor) candidates_.emplace_back((adjusted_[i] - highest) * inverse, static_cast<TokenId>(i));
  }
  if (candidates_.empty()) return Argmax(adjusted_);  // nothing but NaN and -inf: the model's fault, not the draw's
  const auto keep = [&](std::size_t count) { candidates_.resize(std::max<std::size_t>(count, 1)); };
  std::ranges::sort(candidates_, kMoreLikely);
  if (params_.top_k > 0 && static_cast<std::size_t>(params_.top_k) < candidates_.size()) {
    keep(static_cast<std::size_t>(params_.top_k));
  }
  double total = 0;
  for (auto& [value, token] : candidates_) total += value = std::exp(value);
  if (params_.top_p < 1) {
    double sum = 0;
    std::size_t count = 0;
    while (count < candidates_.size() && sum < params_.top_p * total) sum += candidates_[count++].first;
    keep(count);
  }
  if (params_.min_p > 0) {
    const double least = params_.min_p * candidates_.front().first;
    std::size_t count = 0;
    while (count < candidates_.size() && candidates_[count].first >= least) ++count;
    keep(count);
  }
  double left = 0;
  for (const auto& [weight, token] : candidates_) left += weight;
  left *= static_cast<double>(random_() >> 11) * 0x1p-53;  // not std::uniform_real: the same draw on every library
  for (const auto& [weight, token] : candidates_) {
    left -= weight;
    if (left < 0) return token;
  }
  return candidates_.back().second;
}

}  // namespace strata
