#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cpu_features.h"
#include "grammar/vocabulary.h"
#include "kernels/kernels.h"

namespace strata {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

const kernels::RowKernels& Rows() {
  static const kernels::RowKernels& rows = kernels::SelectRowKernels(Cpu());
  return rows;
}

/// A row's logits, of which those tokens may come whose bit is set in `allowed`; empty = all.
struct Choices {
  std::span<const float> logits;
  std::span<const std::uint32_t> allowed = {};

  /// A head may have more columns than the tokenizer has tokens.
  std::int64_t columns() const {
    return allowed.empty() ? std::ssize(logits) : std::min(std::ssize(logits), 32 * std::ssize(allowed));
  }
  const std::uint32_t* mask() const { return allowed.empty() ? nullptr : allowed.data(); }
};

TokenId Argmax(const Choices& of) {
  return static_cast<TokenId>(Rows().argmax(of.logits.data(), of.mask(), of.columns()));
}

/// Whether there is one above -infinity.
bool AnyLeft(const Choices& of) {
  const TokenId best = Argmax(of);
  return (of.allowed.empty() || grammar::HasBit(of.allowed, best)) &&
         of.logits[static_cast<std::size_t>(best)] > kNever;
}

/// Higher values first, then lower ids: every platform gives the same order.
constexpr auto kMoreLikely = [](const std::pair<float, TokenId>& a, const std::pair<float, TokenId>& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
};

/// Tokens in the order of their weights, sorted only as far as they are asked for: a draw seldom looks beyond the first
/// few of a vocabulary.
class Descending {
 public:
  /// Weights are in [0, 1]. `sorted` gets those above 0.
  Descending(std::span<const float> weights, std::vector<std::pair<float, TokenId>>& sorted)
      : weights_(weights), sorted_(sorted) {
    sorted_.clear();
  }
  bool Has(std::size_t place) {
    while (place >= sorted_.size() && floor_ > 0) SortMore();
    return place < sorted_.size();
  }

 private:
  void SortMore() {
    constexpr std::size_t kBlock = 16;
    const float ceiling = floor_;
    floor_ = ceiling > 1e-30F ? ceiling * 0x1p-8F : 0;
    const auto sorted = std::ssize(sorted_);
    for (std::size_t begin = 0; begin < weights_.size(); begin += kBlock) {
      const std::span<const float> block = weights_.subspan(begin, std::min(kBlock, weights_.size() - begin));
      bool any = false;
      for (const float weight : block) any |= weight >= floor_;
      if (!any) continue;
      for (std::size_t i = 0; i < block.size(); ++i) {
        if (block[i] < ceiling && block[i] >= floor_ && block[i] > 0) {
          sorted_.emplace_back(block[i], static_cast<TokenId>(begin + i));
        }
      }
    }
    std::sort(sorted_.begin() + sorted, sorted_.end(), kMoreLikely);
  }

  std::span<const float> weights_;
  std::vector<std::pair<float, TokenId>>& sorted_;
  float floor_ = 2;  ///< all of at least this weight are sorted
};

/// The token at which the weights, added in the order of the tokens, come to more than `left`. Rounding may have it
/// that they never do: then the last that has any. Some weight is above 0.
TokenId Reach(std::span<const float> weights, double left) {
  constexpr std::size_t kBlock = 512, kLanes = 8;
  std::size_t last = weights.size() - 1;
  while (weights[last] == 0) --last;
  for (std::size_t begin = 0; begin < last; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, weights.size());
    double lanes[kLanes] = {};  // an order of additions that a compiler may take at once
    for (std::size_t i = begin; i < end; ++i) lanes[i % kLanes] += static_cast<double>(weights[i]);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    if (left >= sum) {
      left -= sum;
      continue;
    }
    for (std::size_t i = begin; i < end; ++i) {
      left -= static_cast<double>(weights[i]);
      if (left < 0 && weights[i] > 0) return static_cast<TokenId>(i);
    }
  }
  return static_cast<TokenId>(last);
}

}  // namespace

TokenLogprobs ComputeLogprobs(std::span<const float> logits, TokenId chosen, int top) {
  std::vector<float> weights(logits.size());
  const double sum = Rows().softmax(logits.data(), nullptr, 1, std::ssize(logits), weights.data());
  const double normalizer = logits[static_cast<std::size_t>(Argmax({logits}))] + std::log(sum);
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

TokenId Sampler::Sample(std::span<const float> logits, std::span<const TokenId> forbidden,
                        std::span<const std::uint32_t> allowed) {
  const auto choose = [&](std::span<const float> from) {
    return params_.temperature == 0 ? Argmax({from, allowed}) : Draw(from, allowed);
  };
  if (!ChangesLogits() && forbidden.empty()) return Take(choose(logits));
  const auto adjust = [&](std::span<const TokenId> never) {
    adjusted_.assign(logits.begin(), logits.end());
    Adjust(never);
    return allowed.empty() || AnyLeft({adjusted_, allowed});
  };
  if (!adjust(forbidden) && !adjust({})) allowed = {};
  return Take(choose(adjusted_));
}

TokenId Sampler::Take(TokenId token) {
  ++output_counts_[token];
  if (params_.repetition_penalty != 1) seen_[token] = true;
  return token;
}

void Sampler::Adjust(std::span<const TokenId> forbidden) {
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
}

TokenId Sampler::Draw(std::span<const float> logits, std::span<const std::uint32_t> allowed) {
  const Choices of{logits, allowed};
  // A scale of infinity would make a NaN of the highest logit.
  const auto scale = static_cast<float>(std::min(1 / params_.temperature, 1e30));
  weights_.resize(static_cast<std::size_t>(of.columns()));
  const double all = Rows().softmax(logits.data(), of.mask(), scale, of.columns(), weights_.data());
  if (all == 0) return Argmax(of);  // nothing but NaN and infinities: the model's fault, not the draw's
  const double draw = static_cast<double>(random_() >> 11) * 0x1p-53;  // not std::uniform_real: the same everywhere
  if (params_.top_k <= 0 && params_.top_p >= 1 && params_.min_p <= 0) return Reach(weights_, all * draw);
  Descending order(weights_, candidates_);
  const std::size_t most = params_.top_k > 0 ? static_cast<std::size_t>(params_.top_k) : weights_.size();
  double total = all;
  if (params_.top_k > 0) {
    total = 0;
    for (std::size_t i = 0; i < most && order.Has(i); ++i) total += candidates_[i].first;
  }
  std::size_t count = most;
  if (params_.top_p < 1 || params_.min_p > 0) {  // the highest weight is 1
    double sum = 0;
    const auto goes_on = [&] { return sum < params_.top_p * total && candidates_[count].first >= params_.min_p; };
    for (count = 0; count < most && order.Has(count) && (count == 0 || goes_on()); ++count) {
      sum += candidates_[count].first;
    }
    total = sum;
  }
  double left = total * draw;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < count && order.Has(i); ++i) {
    chosen = i;
    left -= candidates_[i].first;
    if (left < 0) break;
  }
  return candidates_[chosen].second;
}

}  // namespace strata
