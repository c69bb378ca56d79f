// A request on its way through the engine. Owned by the engine thread once it was submitted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/completion.h"
#include "engine/draft_model.h"
#include "engine/draft_module.h"
#include "engine/drafter.h"
#include "engine/engine.h"
#include "engine/forced_text.h"
#include "engine/sampler.h"
#include "engine/thought_limit.h"
#include "grammar/grammar.h"
#include "runtime/sequence_kv.h"

namespace strata {

struct Sequence {
  Sequence(PrefixCache& cache, std::string salt) : kv(cache, std::move(salt)) {}

  RequestId id = 0;
  EngineRequest request;
  std::vector<TokenId> tokens;  ///< prompt, then output
  std::vector<TokenId> ends;    ///< what ends the answer: the request's stop tokens, the model's unless ignore_eos
  std::int64_t computed = 0;    ///< tokens whose KV is in the cache
  std::int64_t charged = 0;     ///< tokens that its tenant was charged for: none twice, whatever is computed again
  std::int64_t prompt = 0;
  std::int64_t cached = 0;  ///< prompt tokens that came from the prefix cache
  SequenceKv kv;
  std::unique_ptr<Drafter> drafter;  ///< null = no speculation
  ForcedText forced_text;
  Draft forced;                                    ///< what its grammar or its thinking budget leaves no choice about
  std::optional<DraftModel::Reader> draft_reader;  ///< where there is a draft model
  Guess guess;                                     ///< of the model's own module, where it has one
  Draft modelled;                                  ///< what the one or the other proposes
  std::vector<TokenId> drafts;                     ///< proposed to follow `tokens`, to be verified in this step
  std::vector<TokenId> input;                      ///< where Input puts them behind each other
  std::unique_ptr<Sampler> sampler;
  std::optional<grammar::Matcher> matcher;  ///< where `tokens` stand in the request's grammar
  std::vector<std::uint32_t> mask;          ///< what the matcher allows next, where mask_filled
  bool mask_filled = false;
  Completion completion;                ///< of an answer that would not be complete within its tokens
  std::optional<ThoughtLimit> thought;  ///< where the output stands in the request's thinking budget
  EngineObserver::RequestTimes times{};
  std::vector<TokenLogprobs> prompt_logprobs;

  std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t outputs() const { return length() - prompt; }
  /// Of the next token to compute. A slice never goes beyond its phase: what computes a token is a matter of its place
  /// in the request alone, not of what was preempted or cached.
  Phase phase() const { return computed < prompt ? Phase::kPrefill : Phase::kDecode; }
  std::int64_t left_of_phase() const { return (phase() == Phase::kPrefill ? prompt : length()) - computed; }
  /// Tokens that may come from the prefix cache: the last one's logits are wanted, so it is computed; and all are when
  /// their log-probabilities are.
  std::int64_t reusable() const { return WantsPromptLogprobs() ? 0 : length() - 1; }
  /// The next `count` tokens to compute, and the drafts behind them.
  std::span<const TokenId> Input(std::int64_t count) {
    const auto next = std::span(tokens).subspan(static_cast<std::size_t>(computed), static_cast<std::size_t>(count));
    if (drafts.empty()) return next;
    input.assign(next.begin(), next.end());
    input.insert(input.end(), drafts.begin(), drafts.end());
    return input;
  }
  grammar::Matcher* matcher_or_null() { return matcher ? &*matcher : nullptr; }
  bool finished() const { return request.on_event == nullptr; }
  /// Where that fails, nothing is allowed, and the matcher says so when it gets the token.
  void FillMask();
  bool WantsPromptLogprobs() const { return request.sampling.prompt_logprobs && outputs() == 0; }
  /// The likeliest token is all that its next sample needs: no logits are written for it.
  bool TakesArgmax() const {
    return sampler->TakesArgmax() && !matcher && !request.sampling.logprobs && !WantsPromptLogprobs() &&
           outputs() >= request.sampling.min_tokens;
  }
};

}  // namespace strata
