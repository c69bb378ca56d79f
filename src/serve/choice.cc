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

TextStreamOptions TextOptions(const GenerateRequest& request) {
  TextStreamOptions options = request.text;
  options.min_tokens = request.sampling.min_tokens;
  return options;
}

}  // namespace

void ChoiceDelta::Append(ChoiceDelta&& next) {
  index = next.index;
  text += next.text;
  AppendAll(logged, std::move(next.logged));
  AppendAll(prompt_logged, std::move(next.prompt_logged));
  AppendAll(tokens, std::move(next.tokens));
  if (next.first_of) first_of = std::move(next.first_of);
  finish_reason = next.finish_reason;
  stop_reason = std::move(next.stop_reason);
}

ChoiceStream::ChoiceStream(int index, std::shared_ptr<const Prompt> prompt, const Tokenizer& tokenizer,
                           const GenerateRequest& request)
    : index_(index), prompt_(std::move(prompt)), request_(request), text_(tokenizer, TextOptions(request)) {}

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
  for (std::size_t i = 0; i < event.tokens.size() && !text_.stopped(); ++i) {
    const TokenId token = event.tokens[i];
    ++output_tokens_;
    delta.tokens.push_back(token);
    if (request_.logprobs && i < event.logprobs.size()) {
      delta.logged.push_back({.token = token, .logprobs = std::move(event.logprobs[i])});
    }
    const bool hidden = event.stop_token && i + 1 == event.tokens.size() && !request_.text.include_stop;
    if (!hidden) delta.text += text_.Push(token);
  }
  if (text_.stopped()) {
    done_ = true;
    ended_early_ = !event.finish;
    delta.finish_reason = "stop";
    delta.stop_reason = text_.matched_stop();
  } else if (event.finish) {
    Finish(event, delta);
  }
  return delta;
}

void ChoiceStream::Finish(const EngineEvent& event, ChoiceDelta& delta) {
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
  delta.text += text_.Finish();
  // What was held back may hold a stop string's end only now: the last bytes of a broken character, for instance.
  if (text_.stopped()) {
    delta.finish_reason = "stop";
    delta.stop_reason = text_.matched_stop();
  }
}

}  // namespace strata::serve
