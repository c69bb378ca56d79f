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

/// One sequence's sampling state. Not thread-safe.
class Sampler {
 public:
  Sampler(const SamplingParams& params, std::span<const TokenId> prompt, std::uint64_t fallback_seed);

  /// True when Sample(row, {}, allowed) is the argmax of what is allowed: greedy, and nothing changes the logits.
  bool TakesArgmax() const { return params_.temperature == 0 && !ChangesLogits(); }
  /// The next token is known already: the argmax, where TakesArgmax, or one that must come whatever is likely.
  TokenId Take(TokenId token);

  /// Does not change `logits`. `allowed` is a grammar's mask: a bit for each token, the lowest of word 0 first; empty =
  /// all may be sampled. `forbidden` (end-of-answer tokens before min_tokens) are never chosen, unless no other is
  /// allowed. Where nothing is, some token comes that is not.
  TokenId Sample(std::span<const float> logits, std::span<const TokenId> forbidden,
                 std::span<const std::uint32_t> allowed = {});

 private:
  void Adjust(std::span<const TokenId> forbidden);
  TokenId Draw(std::span<const float> logits, std::span<const std::uint32_t> allowed);
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
