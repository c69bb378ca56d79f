// A request's work for the engine: prompts to tokens, lengths against the context, and the submission that is cancelled
// when nobody waits for it any more.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "serve/api_error.h"
#include "serve/choice.h"
#include "serve/mailbox.h"
#include "serve/request.h"
#include "serve/state.h"

namespace strata::serve {

/// A conversation as the model gets it, with as many of its tools as a prompt may carry (tool_selection.h); what `use`
/// counts on is always there. Errors: 400, param "messages": no chat template, the template's own error.
std::expected<Prompt, ApiError> RenderPrompt(const LoadedModel& model, const ChatInput& input, const ToolUse& use = {});

/// The request's prompts as tokens, in the request's order; sampling.max_tokens, the log-probabilities that the answer
/// needs, the constraint that its tools need, and the limit of its thoughts are filled in. Errors: 400 naming the
/// field: no chat template, the template's own error, a prompt that is empty or longer than the context, max_tokens
/// beyond what is left of it, a token outside of the vocabulary.
std::expected<std::vector<std::shared_ptr<const Prompt>>, ApiError> PreparePrompts(const LoadedModel& model,
                                                                                   GenerateRequest& request);

/// For one choice of a request: none where the model neither thinks nor may call a tool, and writes content as it is.
/// `id_seed` makes its calls' ids.
AnswerParser MakeAnswerParser(const LoadedModel& model, const GenerateRequest& request, const Prompt& prompt,
                              std::uint64_t id_seed);

/// Choice i of a request with a seed: 0 keeps the seed, the others differ from it and from each other.
std::uint64_t SeedOfChoice(std::uint64_t seed, int choice);

/// What the engine said about one of a request's choices.
struct ChoiceEvent {
  int choice = 0;
  double seconds = 0;  ///< monotonic, when it was said
  EngineEvent event;
};

/// Requests that run in the engine; those that have not ended are cancelled with it.
class Submission {
 public:
  explicit Submission(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~Submission();
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  /// All prompts times n, or none: choice prompt * n + i sends its events to `events`.
  Status Submit(const std::vector<std::shared_ptr<const Prompt>>& prompts, const GenerateRequest& request,
                const std::shared_ptr<grammar::Grammar>& grammar, std::chrono::steady_clock::time_point deadline,
                Mailbox<ChoiceEvent>& events);

  void Cancel(int choice);
  /// The engine has said its last word about this choice.
  void MarkEnded(int choice) { running_[static_cast<std::size_t>(choice)] = false; }

 private:
  std::shared_ptr<Engine> engine_;
  std::vector<RequestId> ids_;
  std::vector<bool> running_;
};

}  // namespace strata::serve
