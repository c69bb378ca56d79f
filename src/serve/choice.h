// One answer on its way from the engine's events to what a client reads, streamed or whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "engine/text_stream.h"
#include "serve/request.h"
#include "serve/tools/output.h"

namespace strata::serve {

/// What a prompt carries of its request's tools.
struct CarriedTools {
  std::vector<std::string> names;  ///< in the request's order
  std::size_t offered = 0;         ///< how many the request has
};

/// A prompt as the engine got it.
struct Prompt {
  std::string text;  ///< what echo shows
  std::vector<TokenId> tokens;
  std::optional<CarriedTools> tools = std::nullopt;  ///< where it does not carry all of the request's
};

/// A token and what is known of its probability; the first token of a prompt has none.
struct LoggedToken {
  TokenId token = 0;
  std::optional<TokenLogprobs> logprobs;
};

/// null, the stop token's id, or the stop string (vLLM's stop_reason).
using StopReason = std::variant<std::monostate, TokenId, std::string>;

/// What one event adds to a choice. The sum of all (Append) is the whole choice.
struct ChoiceDelta {
  int index = 0;
  std::string text = {};                         ///< of a chat: the content
  std::string reasoning = {};                    ///< chat
  std::vector<tools::ToolCallDelta> calls = {};  ///< chat
  std::vector<LoggedToken> logged = {};          ///< when logprobs were asked for; with echo, the prompt's tokens first
  std::vector<LoggedToken> prompt_logged = {};   ///< prompt_logprobs, with the first event
  std::vector<TokenId> tokens = {};              ///< generated
  std::shared_ptr<const Prompt> first_of = {};   ///< the prompt, with the first event
  std::string_view finish_reason = {};           ///< "" = goes on
  StopReason stop_reason = {};

  void Append(ChoiceDelta&& next);
};

/// The deltas that a stream sends for one: everything but calls, then for each call that begins its id and name, and
/// for each its arguments. (OpenAI's clients add up the entries of `tool_calls` one a chunk.)
std::vector<ChoiceDelta> SplitCalls(ChoiceDelta&& delta);

/// What tells reasoning and calls from content. Without a parser all is content.
struct AnswerParser {
  std::unique_ptr<tools::OutputParser> parser = nullptr;
  /// The special tokens that the parser must see; others are skipped where the request wants that. Must outlive it.
  const std::unordered_set<TokenId>* markers = nullptr;
};

class ChoiceStream {
 public:
  /// `index` counts choices prompt by prompt: prompt * n + i.
  ChoiceStream(int index, std::shared_ptr<const Prompt> prompt, const Tokenizer& tokenizer,
               const GenerateRequest& request, AnswerParser answer = {});

  ChoiceDelta OnEvent(EngineEvent&& event);

  bool done() const { return done_; }
  /// The engine still works although the choice is done (a stop string was found): cancel it.
  bool ended_early() const { return ended_early_; }
  /// Why there is no answer; set with done().
  const std::optional<Error>& error() const { return error_; }
  std::int64_t prompt_tokens() const { return static_cast<std::int64_t>(prompt_->tokens.size()); }
  std::int64_t output_tokens() const { return output_tokens_; }
  std::int64_t cached_tokens() const { return cached_tokens_; }
  /// Of the output tokens, those that brought reasoning.
  std::int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  void BeginWithPrompt(EngineEvent& event, ChoiceDelta& delta);
  void Finish(const EngineEvent& event, ChoiceDelta& delta, tools::OutputDelta& output);
  /// The answer goes on with `text`.
  void Read(std::string_view text, tools::OutputDelta& output);
  bool Skips(TokenId token) const;

  int index_;
  std::shared_ptr<const Prompt> prompt_;
  const Tokenizer& tokenizer_;
  const GenerateRequest& request_;
  TextStream text_;
  AnswerParser answer_;
  bool called_ = false;
  bool begun_ = false, done_ = false, ended_early_ = false;
  std::optional<Error> error_;
  std::int64_t output_tokens_ = 0, cached_tokens_ = 0, reasoning_tokens_ = 0;
};

}  // namespace strata::serve
