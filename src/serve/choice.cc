#include "serve/choice.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace strata::serve {
namespace {

template <class T>
void AppendAll(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

TextStreamOptions TextOptions(const GenerateRequest& request, bool parsed) {
  TextStreamOptions options = request.text;
  options.min_tokens = request.sampling.min_tokens;
  if (parsed) options.skip_special_tokens = false;  // ChoiceStream::Skips decides
  return options;
}

}  // namespace

void ChoiceDelta::Append(ChoiceDelta&& next) {
  index = next.index;
  text += next.text;
  reasoning += next.reasoning;
  tools::AppendCalls(calls, std::move(next.calls));
  AppendAll(logged, std::move(next.logged));
  AppendAll(prompt_logged, std::move(next.prompt_logged));
  AppendAll(tokens, std::move(next.tokens));
  if (next.first_of) first_of = std::move(next.first_of);
  finish_reason = next.finish_reason;
  stop_reason = std::move(next.stop_reason);
}

std::vector<ChoiceDelta> SplitCalls(ChoiceDelta&& delta) {
  std::vector<ChoiceDelta> deltas(1);
  const std::vector<tools::ToolCallDelta> calls = std::exchange(delta.calls, {});
  const int index = delta.index;
  deltas.front() = std::move(delta);
  for (const tools::ToolCallDelta& call : calls) {
    if (call.name) {
      deltas.push_back(
          {.index = index, .calls = {{.index = call.index, .id = call.id, .name = call.name, .custom = call.custom}}});
    }
    if (!call.arguments.empty()) {
      deltas.push_back(
          {.index = index, .calls = {{.index = call.index, .arguments = call.arguments, .custom = call.custom}}});
    }
  }
  return deltas;
}

ChoiceStream::ChoiceStream(int index, std::shared_ptr<const Prompt> prompt, const Tokenizer& tokenizer,
                           const GenerateRequest& request, AnswerParser answer)
    : index_(index),
      prompt_(std::move(prompt)),
      tokenizer_(tokenizer),
      request_(request),
      text_(tokenizer, TextOptions(request, answer.parser != nullptr)),
      answer_(std::move(answer)) {}

bool ChoiceStream::Skips(TokenId token) const {
  return answer_.parser && request_.text.skip_special_tokens && tokenizer_.IsSpecial(token) &&
         !answer_.markers->contains(token);
}

void ChoiceStream::Read(std::string_view text, tools::OutputDelta& output) {
  if (answer_.parser) {
    answer_.parser->Push(text, output);
  } else {
    output.content += text;
  }
}

void ChoiceStream::BeginWithPrompt(EngineEvent& event, ChoiceDelta& delta) {
  begun_ = true;
  cached_tokens_ = event.cached_tokens;
  delta.first_of = prompt_;
  if (request_.echo) delta.text = prompt_->text;
  std::vector<LoggedToken> logged;
  if (request_.sampling.prompt_logprobs) {
    for (std::size_t i = 0; i < prompt_->tokens.size(); ++i) {
      LoggedToken& token = logged.emplace_back();
      token.token = prompt_->tokens[i];
      if (i > 0 && i - 1 < event.prompt_logprobs.size()) token.logprobs = std::move(event.prompt_logprobs[i - 1]);
    }
  }
  if (request_.prompt_logprobs) delta.prompt_logged = logged;
  if (request_.echo && request_.logprobs) delta.logged = std::move(logged);
}

ChoiceDelta ChoiceStream::OnEvent(EngineEvent&& event) {
  ChoiceDelta delta;
  delta.index = index_;
  if (done_) return delta;
  const bool failed = event.finish == FinishReason::kError || event.finish == FinishReason::kCancelled;
  if (!begun_ && !failed) BeginWithPrompt(event, delta);
  tools::OutputDelta output;
  const auto ended = [&] { return text_.stopped() || (answer_.parser && answer_.parser->done()); };
  for (std::size_t i = 0; i < event.tokens.size() && !ended(); ++i) {
    const TokenId token = event.tokens[i];
    ++output_tokens_;
    delta.tokens.push_back(token);
    if (request_.logprobs && i < event.logprobs.size()) {
      delta.logged.push_back({.token = token, .logprobs = std::move(event.logprobs[i])});
    }
    const bool hidden = event.stop_token && i + 1 == event.tokens.size() && !request_.text.include_stop;
    const std::size_t reasoning = output.reasoning.size();
    if (!hidden && !Skips(token)) Read(text_.Push(token), output);
    if (output.reasoning.size() > reasoning) ++reasoning_tokens_;
  }
  if (ended()) {
    done_ = true;
    ended_early_ = !event.finish;
    delta.finish_reason = "stop";
    if (text_.stopped()) delta.stop_reason = text_.matched_stop();
  } else if (event.finish) {
    Finish(event, delta, output);
  }
  if (done_ && !error_ && answer_.parser) answer_.parser->Finish(output);
  called_ = called_ || !output.calls.empty();
  if (called_ && delta.finish_reason == "stop") delta.finish_reason = "tool_calls";
  delta.text += output.content;
  delta.reasoning = std::move(output.reasoning);
  delta.calls = std::move(output.calls);
  return delta;
}

void ChoiceStream::Finish(const EngineEvent& event, ChoiceDelta& delta, tools::OutputDelta& output) {
  done_ = true;
  switch (*event.finish) {
    case FinishReason::kStop: {
      delta.finish_reason = "stop";
      const auto& ids = request_.sampling.stop_token_ids;
      if (event.stop_token && std::ranges::find(ids, *event.stop_token) != ids.end())
        delta.stop_reason = *event.stop_token;
      break;
    }
    case FinishReason::kLength:
      delta.finish_reason = "length";
      break;
    case FinishReason::kCancelled:
      error_ = Error(ErrorCode::kUnavailable, "the server is shutting down");
      return;
    case FinishReason::kError:
      error_ = event.error.value_or(Error(ErrorCode::kInternal, "the engine failed without saying why"));
      return;
  }
  Read(text_.Finish(), output);
  // What was held back may hold a stop string's end only now: the last bytes of a broken character, for instance.
  if (text_.stopped()) {
    delta.finish_reason = "stop";
    delta.stop_reason = text_.matched_stop();
  }
}

}  // namespace strata::serve
