// What a sequence makes of its logits: prompt log-probabilities, its next token, its end.
#include <algorithm>
#include <span>

#include "base/clock.h"
#include "engine/engine_state.h"
#include "grammar/vocabulary.h"

namespace strata {
namespace {

/// Whether the token is not of the answer but ends it. A grammar ends also with a token of the answer.
bool IsEnd(const Sequence& sequence, TokenId token) {
  return std::ranges::find(sequence.ends, token) != sequence.ends.end() ||
         (sequence.matcher && sequence.matcher->vocabulary().is_end(token));
}

void AddPromptLogprobs(Sequence& sequence, const LogitsView& logits, std::int64_t first_row, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows && sequence.computed + r + 1 < sequence.prompt; ++r) {
    const TokenId next = sequence.tokens[static_cast<std::size_t>(sequence.computed + r + 1)];
    sequence.prompt_logprobs.push_back(
        ComputeLogprobs(logits.row(first_row + r), next, *sequence.request.sampling.prompt_logprobs));
  }
}

/// What is due, or what the model says.
TokenId Choose(Sequence& sequence, const LogitsView& logits, std::int64_t row) {
  if (sequence.thought) {
    const auto due = sequence.thought->Due(sequence.matcher_or_null());
    if (!due.empty()) return sequence.sampler->Take(due.front());
  }
  if (sequence.TakesArgmax()) return sequence.sampler->Take(logits.argmax[static_cast<std::size_t>(row)]);
  const bool too_early = sequence.outputs() < sequence.request.sampling.min_tokens;
  const std::span<const TokenId> forbidden = too_early ? sequence.ends : std::span<const TokenId>();
  if (!sequence.matcher) return sequence.sampler->Sample(logits.row(row), forbidden);
  if (sequence.sampler->TakesArgmax() && forbidden.empty()) {  // mostly allowed, and then no mask is needed
    const TokenId likeliest = logits.argmax[static_cast<std::size_t>(row)];
    if (sequence.matcher->Allows(likeliest)) return sequence.sampler->Take(likeliest);
  }
  if (!sequence.mask_filled) sequence.FillMask();
  return sequence.sampler->Sample(logits.row(row), forbidden, sequence.mask);
}

}  // namespace

void Sequence::FillMask() {
  mask.resize(matcher->vocabulary().mask_words());
  if (!matcher->FillMask(mask)) std::ranges::fill(mask, 0);
  mask_filled = true;
}

std::optional<FinishReason> Engine::State::EndOf(const Sequence& sequence, TokenId token) const {
  if (sequence.completion.done()) return FinishReason::kLength;  // not as the model would have ended it
  if (IsEnd(sequence, token) || (sequence.matcher && sequence.matcher->ended())) return FinishReason::kStop;
  if (TokensLeft(sequence) <= 0) return FinishReason::kLength;
  return std::nullopt;
}

/// Of its answer.
std::int64_t Engine::State::TokensLeft(const Sequence& sequence) const {
  return std::min(sequence.request.sampling.max_tokens - sequence.outputs(),
                  runner->options().max_context - sequence.length());
}

/// The next token from a row of logits, into the sequence and the event. Errors: the grammar's.
Result<TokenId> Engine::State::SampleRow(Sequence& sequence, const LogitsView& logits, std::int64_t row,
                                         EngineEvent& event) const {
  const SamplingParams& sampling = sequence.request.sampling;
  TokenId token = 0;
  if (sequence.completion.begun()) {
    token = sequence.completion.Next();
    STRATA_CHECK(sequence.matcher->Accept(token));
  } else {
    token = Choose(sequence, logits, row);
    if (sequence.matcher) {
      sequence.mask_filled = false;
      STRATA_CHECK(sequence.matcher->Accept(token));
      STRATA_TRY(token, sequence.completion.Review(*sequence.matcher, token, TokensLeft(sequence) - 1));
    }
  }
  if (sequence.thought) sequence.thought->Push(token);
  if (sampling.logprobs) event.logprobs.push_back(ComputeLogprobs(logits.row(row), token, *sampling.logprobs));
  event.tokens.push_back(token);
  sequence.tokens.push_back(token);
  return token;
}

/// `count` tokens were computed, the drafts among them; the last `rows` of these have logits. Each draft's row is
/// sampled as if the draft were the sequence's token, for which the row before must have given it: so the tokens are
/// those that would have come without drafts. Nothing but what is the sequence's own is touched.
Engine::State::Sampled Engine::State::Sample(Sequence& sequence, const LogitsView& logits, std::int64_t first_row,
                                             std::int64_t rows, std::int64_t count) const {
  const auto drafts = static_cast<std::int64_t>(sequence.drafts.size());
  Sampled sampled;
  if (sequence.WantsPromptLogprobs()) AddPromptLogprobs(sequence, logits, first_row, rows);
  sequence.computed += count - drafts;
  if (sequence.computed != sequence.length()) return sampled;  // more of the prompt is to come
  if (sequence.request.sampling.max_tokens == 0) sampled.finish = FinishReason::kLength;
  for (std::int64_t r = 0; !sampled.finish; ++r) {
    const Result<TokenId> token = SampleRow(sequence, logits, first_row + rows - 1 - drafts + r, sampled.event);
    if (!token) {
      sampled.status = std::unexpected(token.error());
      break;
    }
    sampled.finish = EndOf(sequence, *token);
    if (sampled.finish && IsEnd(sequence, *token)) sampled.event.stop_token = *token;
    if (r == drafts || *token != sequence.drafts[static_cast<std::size_t>(r)]) break;
    ++sequence.computed;
    ++sampled.drafts_right;
  }
  return sampled;
}

void Engine::State::Accept(Sequence& sequence, Sampled sampled, Accepted& total) {
  if (!sampled.status) return Fail(sequence, sampled.status.error());
  EngineEvent& event = sampled.event;
  const auto drafts = static_cast<std::int64_t>(sequence.drafts.size());
  if (draft_model && drafts > 0 && !sequence.modelled.tokens.empty()) draft_model->Count(sampled.drafts_right, drafts);
  total.drafts_right += sampled.drafts_right;
  total.drafts += drafts;
  total.tokens += static_cast<std::int64_t>(event.tokens.size());
  sequence.drafts.clear();
  if (drafts > 0) sequence.kv.Trim(sequence.length());
  sequence.kv.Publish(sequence.tokens, sequence.computed);
  if (sequence.computed > sequence.charged) {
    ledger.Serve(sequence.request.tenant, sequence.computed - sequence.charged);
    sequence.charged = sequence.computed;
  }
  if (event.tokens.empty() && !sampled.finish) return;
  event.prompt_logprobs = std::move(sequence.prompt_logprobs);
  sequence.prompt_logprobs.clear();
  event.prompt_tokens = sequence.prompt;
  event.cached_tokens = sequence.cached;
  if (sequence.times.first_token == 0 && !event.tokens.empty()) sequence.times.first_token = MonotonicSeconds();
  if (sampled.finish) {
    Finish(sequence, std::move(event), *sampled.finish);
  } else {
    sequence.request.on_event(std::move(event));
  }
}

}  // namespace strata
