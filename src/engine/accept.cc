// What a sequence makes of its logits: prompt log-probabilities, its next token, its end.
#include <algorithm>

#include "base/clock.h"
#include "engine/engine_state.h"

namespace strata {

std::vector<TokenId> Engine::State::Ends(const Sequence& sequence) const {
  std::vector<TokenId> ends = sequence.request.sampling.stop_token_ids;
  if (!sequence.request.sampling.ignore_eos) {
    const auto& eos = runner->config().eos_token_ids;
    ends.insert(ends.end(), eos.begin(), eos.end());
  }
  return ends;
}

bool Engine::State::IsEnd(const Sequence& sequence, TokenId token) const {
  const std::vector<TokenId> ends = Ends(sequence);
  return std::ranges::find(ends, token) != ends.end();
}

void Engine::State::Accept(Sequence& sequence, const LogitsView& logits, std::int64_t first_row, std::int64_t rows,
                           std::int64_t start, EngineEvent& event) {
  const SamplingParams& sampling = sequence.request.sampling;
  if (sequence.WantsPromptLogprobs()) {
    for (std::int64_t r = 0; r < rows && start + r + 1 < sequence.prompt; ++r) {
      sequence.prompt_logprobs.push_back(ComputeLogprobs(logits.row(first_row + r),
                                                         sequence.tokens[static_cast<std::size_t>(start + r + 1)],
                                                         *sampling.prompt_logprobs));
    }
  }
  if (sequence.computed < sequence.length()) return;  // more of the prompt is to come
  event.prompt_logprobs = std::move(sequence.prompt_logprobs);
  sequence.prompt_logprobs.clear();
  event.prompt_tokens = sequence.prompt;
  if (sampling.max_tokens == 0) {
    Finish(sequence, std::move(event), FinishReason::kLength);
    return;
  }
  TokenId token = logits.argmax[static_cast<std::size_t>(first_row + rows - 1)];
  if (sequence.TakesArgmax()) {
    token = sequence.sampler->SampleArgmax(token);
  } else {
    const std::span<const float> row = logits.row(first_row + rows - 1);
    token = sequence.sampler->Sample(
        row, sequence.outputs() < sampling.min_tokens ? Ends(sequence) : std::vector<TokenId>());
    if (sampling.logprobs) event.logprobs.push_back(ComputeLogprobs(row, token, *sampling.logprobs));
  }
  event.tokens.push_back(token);
  sequence.tokens.push_back(token);
  if (sequence.times.first_token == 0) sequence.times.first_token = MonotonicSeconds();
  if (IsEnd(sequence, token)) {
    event.stop_token = token;
    Finish(sequence, event, FinishReason::kStop);
  } else if (sequence.outputs() >= sampling.max_tokens || sequence.length() >= runner->options().max_context) {
    Finish(sequence, event, FinishReason::kLength);
  } else {
    sequence.request.on_event(EngineEvent(event));
  }
}

}  // namespace strata
