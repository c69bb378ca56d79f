// From logits to a token, as vLLM orders the steps: bias and allowed tokens, penalties, temperature, top-k, top-p,
// min-p, draw.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"

namespace strata {

/// The log-probabilities of one row: the chosen token's and those of the `top` most likely.
TokenLogprobs ComputeLogprobs(std::span<const float> logits, TokenId chosen, int top);

/// What may be sampled at all, whatever the logits say.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  virtual bool Allows(TokenId token) = 0;
  /// A bit for each token, the lowest of word 0 first.
  virtual std::span<const std::uint32_t> Mask() = 0;
};

/// One sequence's sampling state. Not thread-safe.
class Sampler {
 public:
  Sampler(const SamplingParams& params, std::span<const TokenId> prompt, std::uint64_t fallback_seed);

  /// True when Sample(row, {}) is the row's argmax: greedy, and nothing changes the logits.
  bool TakesArgmax() const { return params_.temperature == 0 && !ChangesLogits(); }
  /// The next token is known already: the argmax, where TakesArgmax, or one that must come whatever is likely.
  TokenId Take(TokenId token);

  /// Does not change `logits`. `forbidden` (end-of-answer tokens before min_tokens) are never chosen, unless `filter`
  /// (null = all may be) allows no other. Where it allows nothing, some token comes that it does not allow.
  TokenId Sample(std::span<const float> logits, std::span<const TokenId> forbidden, TokenFilter* filter = nullptr);

 private:
  void Adjust(std::span<const TokenId> forbidden, std::span<const std::uint32_t> allowed);
  TokenId Draw();
  bool ChangesLogits() const;

  SamplingParams params_;
  std::mt19937_64 random_;
  std::unordered_map<TokenId, std::int64_t> output_counts_;
  std::unordered_map<TokenId, bool> seen_;  ///< in prompt or output
  std::vector<float> adjusted_;
  std::vector<float> weights_;
  std::vector<std::pair<float, TokenId>> candidates_;
};

}  // namespace strata
