#include "serve/generate.h"

#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "serve/anthropic/messages_call.h"
#include "serve/completions_call.h"
#include "serve/generation.h"
#include "serve/responses/response_call.h"
#include "serve/tool_constraint.h"

namespace strata::serve {
namespace {

namespace asio = boost::asio;

/// One request under way: its choices, and what has been told to the client and to the metrics.
class Run {
 public:
  Run(ServerState& state, std::shared_ptr<const LoadedModel> model, GenerateCall call, double arrived,
      Exchange& exchange)
      : state_(state),
        model_(std::move(model)),
        request_(std::move(call.request)),
        id_(std::move(call.id)),
        writer_(std::move(call.writer)),
        arrived_(arrived),
        exchange_(exchange),
        channel_(exchange.executor()),
        submission_(model_->served->engine) {}

  ~Run() {
    for (const Choice& choice : choices_) {
      if (!choice.stream.done()) Report(choice, "abort");
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::optional<ApiError> Start() {
    auto prompts = PreparePrompts(*model_, request_);
    if (!prompts) return prompts.error();
    const auto grammar = CompileConstraint(*model_, request_);
    if (!grammar) return ToApiError(grammar.error());
    int index = 0;
    for (const auto& prompt : *prompts) {
      for (int i = 0; i < request_.n; ++i) {
        choices_.push_back({.stream = ChoiceStream(index, prompt, model_->tokenizer(), request_,
                                                   MakeAnswerParser(*model_, request_, *prompt, CallSeed(index)))});
        ++index;
      }
    }
    const auto deadline = std::chrono::steady_clock::now() + state_.options.request_timeout;
    if (const Status status = submission_.Submit(*prompts, request_, *grammar, deadline, channel_); !status) {
      choices_.clear();
      ApiError error = ToApiError(status.error());
      if (status.error().code() == ErrorCode::kResourceExhausted) {
        error.retry_after_seconds = static_cast<int>(std::ceil(model_->served->engine->SecondsUntilRoom()));
      }
      return error;
    }
    const auto length = static_cast<std::int64_t>(prompts->front()->tokens.size());
    if (const auto& tools = prompts->front()->tools) {
      state_.metrics->OnToolSelection(static_cast<std::int64_t>(tools->offered),
                                      static_cast<std::int64_t>(tools->names.size()));
    }
    state_.metrics->OnAccepted(request_.n, request_.max_tokens.value_or(model_->max_context - length));
    return std::nullopt;
  }

  asio::awaitable<void> Whole() {
    exchange_.OnClientGone([this] { channel_.Interrupt(); });
    std::vector<ChoiceDelta> results(choices_.size());
    while (!AllDone()) {
      std::vector<EventChannel::Item> items = co_await channel_.Take();
      if (items.empty()) co_return;
      for (EventChannel::Item& item : items) {
        Choice& choice = choices_[static_cast<std::size_t>(item.choice)];
        if (choice.stream.done()) continue;
        results[static_cast<std::size_t>(item.choice)].Append(Advance(choice, std::move(item)));
        if (choice.stream.error()) {
          co_await exchange_.Refuse(ToApiError(*choice.stream.error()));
          co_return;
        }
      }
    }
    co_await exchange_.Respond({.body = writer_->Whole(results, TotalUsage()), .headers = {}});
  }

  asio::awaitable<void> Streamed() {
    exchange_.OnClientGone([this] { channel_.Interrupt(); });
    co_await exchange_.BeginStream({.content_type = "text/event-stream; charset=utf-8",
                                    .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
    std::string out;
    writer_->Begin(out);
    std::optional<Error> error;
    while (!AllDone() && !error) {
      if (!out.empty() && !co_await exchange_.Write(std::exchange(out, {}))) co_return;
      std::vector<EventChannel::Item> items = co_await channel_.Take();
      if (items.empty()) co_return;
      for (EventChannel::Item& item : items) {
        Choice& choice = choices_[static_cast<std::size_t>(item.choice)];
        if (choice.stream.done()) continue;
        ChoiceDelta delta = Advance(choice, std::move(item));
        error = choice.stream.error();
        if (error) break;
        writer_->Delta(std::move(delta), TotalUsage(), out);
      }
    }
    if (error) {
      writer_->Fail(ToApiError(*error), TotalUsage(), out);
    } else {
      writer_->End(TotalUsage(), out);
    }
    if (co_await exchange_.Write(out)) co_await exchange_.EndStream();
  }

  bool stream() const { return request_.stream; }

 private:
  struct Choice {
    ChoiceStream stream;
    double first_token = 0, last_token = 0;  ///< monotonic seconds; 0 = none yet
  };

  /// Makes the ids of a choice's calls its own.
  std::uint64_t CallSeed(int choice) const { return SeedOfChoice(std::hash<std::string>()(id_), choice); }

  bool AllDone() const {
    for (const Choice& choice : choices_) {
      if (!choice.stream.done()) return false;
    }
    return true;
  }

  ChoiceDelta Advance(Choice& choice, EventChannel::Item item) {
    if (item.event.finish) submission_.MarkEnded(item.choice);
    const bool prompt_known = choice.first_token > 0;
    if (!item.event.tokens.empty()) {  // tokens that come together, by speculation, are waited for once
      if (choice.first_token == 0) {
        choice.first_token = item.seconds;
        state_.metrics->OnFirstToken(item.seconds - arrived_);
      } else {
        state_.metrics->OnNextToken(item.seconds - choice.last_token);
      }
      choice.last_token = item.seconds;
    }
    ChoiceDelta delta = choice.stream.OnEvent(std::move(item.event));
    if (!prompt_known && choice.first_token > 0) {
      state_.metrics->OnPrompt(choice.stream.prompt_tokens(), choice.stream.cached_tokens());
    }
    if (choice.stream.ended_early()) submission_.Cancel(item.choice);
    if (choice.stream.done()) {
      const std::string_view reason = delta.finish_reason == "tool_calls" ? "stop" : delta.finish_reason;  // as vLLM's
      Report(choice, choice.stream.error() ? std::string_view("error") : reason);
    }
    return delta;
  }

  void Report(const Choice& choice, std::string_view reason) {
    state_.metrics->OnChoiceEnd({.reason = reason,
                                 .seconds = MonotonicSeconds() - arrived_,
                                 .first_token_seconds = choice.first_token > 0 ? choice.first_token - arrived_ : 0,
                                 .prompt_tokens = choice.stream.prompt_tokens(),
                                 .output_tokens = choice.stream.output_tokens()});
  }

  /// A prompt counts once, however many choices it has.
  Usage TotalUsage() const {
    Usage usage;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      usage.completion_tokens += choices_[i].stream.output_tokens();
      usage.reasoning_tokens += choices_[i].stream.reasoning_tokens();
      if (i % static_cast<std::size_t>(request_.n) != 0) continue;
      usage.prompt_tokens += choices_[i].stream.prompt_tokens();
      usage.cached_tokens += choices_[i].stream.cached_tokens();
    }
    return usage;
  }

  ServerState& state_;
  const std::shared_ptr<const LoadedModel> model_;
  GenerateRequest request_;
  const std::string id_;
  const std::unique_ptr<ResponseWriter> writer_;
  const double arrived_;
  Exchange& exchange_;
  EventChannel channel_;
  std::vector<Choice> choices_;
  Submission submission_;
};

/// Every protocol's way to the engine begins here.
CallOrError MakeCall(const CallContext& context, Route route, std::string_view body) {
  switch (route) {
    case Route::kCompletions:
      return MakeCompletionCall(context, body);
    case Route::kMessages:
      return anthropic::MakeMessagesCall(context, body);
    case Route::kResponses:
      return responses::MakeResponseCall(context, body);
    default:
      return MakeChatCall(context, body);
  }
}

}  // namespace

asio::awaitable<void> Generate(ServerState& state, std::shared_ptr<const LoadedModel> model, Route route,
                               const HttpRequest& http, double arrived_seconds, Exchange& exchange) {
  const std::int32_t tenant = TenantOf(state.options, http.authorization).value_or(0);
  CallOrError call = MakeCall({.state = state, .model = *model, .tenant = tenant}, route, http.body);
  if (!call) {
    co_await exchange.Refuse(call.error());
    co_return;
  }
  if (!call->request.model.empty() && !state.IsModelName(call->request.model)) {
    co_await exchange.Refuse(ModelNotFound(call->request.model));
    co_return;
  }
  call->request.tenant = tenant;
  Run run(state, std::move(model), std::move(*call), arrived_seconds, exchange);
  if (const std::optional<ApiError> refused = run.Start()) {
    co_await exchange.Refuse(*refused);
    co_return;
  }
  if (run.stream()) {
    co_await run.Streamed();
  } else {
    co_await run.Whole();
  }
}

}  // namespace strata::serve
