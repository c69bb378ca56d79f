#include "serve/generate.h"

#include <algorithm>
#include <chrono>
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
#include "serve/knowledge/chat.h"
#include "serve/responses/response_call.h"
#include "serve/tool_constraint.h"

namespace strata::serve {
namespace {

namespace asio = boost::asio;

/// An answer of the engine under way.
struct Round {
  struct Choice {
    ChoiceStream stream;
    double first_token = 0, last_token = 0;  ///< monotonic seconds; 0 = none yet
  };

  Round(const asio::any_io_executor& executor, std::shared_ptr<Engine> engine, GenerateRequest asked_for,
        double asked_seconds)
      : request(std::move(asked_for)), asked(asked_seconds), events(executor), submission(std::move(engine)) {}

  bool done() const {
    return std::ranges::all_of(choices, [](const Choice& choice) { return choice.stream.done(); });
  }

  GenerateRequest request;  ///< with what its prompt asks for besides
  const double asked;       ///< monotonic seconds
  Mailbox<ChoiceEvent> events;
  std::vector<Choice> choices;
  Submission submission;  ///< gone before the mailbox is
};

/// One request under way: its answers, and what has been told to the client and to the metrics.
class Run {
 public:
  Run(ServerState& state, std::shared_ptr<const LoadedModel> model, GenerateCall call, double arrived,
      Exchange& exchange)
      : state_(state),
        model_(std::move(model)),
        request_(std::move(call.request)),
        id_(std::move(call.id)),
        writer_(std::move(call.writer)),
        rounds_(std::move(call.rounds)),
        arrived_(arrived),
        deadline_(std::chrono::steady_clock::now() + state.options.request_timeout),
        exchange_(exchange) {}

  ~Run() {
    if (!round_) return;
    for (const Round::Choice& choice : round_->choices) {
      if (!choice.stream.done()) Report(choice, "abort");
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  asio::awaitable<void> Respond() {
    // Of a single answer, everything that can be refused is, before a stream begins.
    if (!rounds_) {
      if (const std::optional<ApiError> refused = Ask(arrived_)) {
        co_await exchange_.Refuse(*refused);
        co_return;
      }
    }
    exchange_.OnClientGone([this] { Interrupt(); });
    if (request_.stream) {
      co_await Streamed();
    } else {
      co_await Whole();
    }
  }

 private:
  using Choice = Round::Choice;

  asio::awaitable<void> Whole() {
    std::optional<ApiError> error;
    while (!error && co_await NextAnswer(error)) {
      std::vector<ChoiceDelta> results(round_->choices.size());
      error = co_await Listen(
          [&](ChoiceDelta&& delta) { results[static_cast<std::size_t>(delta.index)].Append(std::move(delta)); });
      if (!gone_ && !error) writer_->Answer(std::move(results));
    }
    if (gone_) co_return;
    if (error) {
      co_await exchange_.Refuse(*error);
    } else {
      co_await exchange_.Respond({.body = writer_->Whole(TotalUsage()), .headers = {}});
    }
  }

  asio::awaitable<void> Streamed() {
    co_await exchange_.BeginStream({.content_type = "text/event-stream; charset=utf-8",
                                    .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
    writer_->Begin(out_);
    std::optional<ApiError> error;
    while (!error && co_await NextAnswer(error)) {
      error = co_await Listen([&](ChoiceDelta&& delta) { writer_->Delta(std::move(delta), TotalUsage(), out_); });
    }
    if (gone_) co_return;
    if (error) {
      writer_->Fail(*error, TotalUsage(), out_);
    } else {
      writer_->End(TotalUsage(), out_);
    }
    if (co_await Flush()) co_await exchange_.EndStream();
  }

  /// Whether there is another answer to listen to; if not, the response is complete, or `error` says why it is not, or
  /// nobody waits for it any more.
  asio::awaitable<bool> NextAnswer(std::optional<ApiError>& error) {
    if (!rounds_) co_return !gone_ && !round_->done();
    const bool first = !round_;
    FinishAnswer();
    for (;;) {
      const auto step = co_await rounds_->Next(request_, out_);
      if (gone_ || !co_await Flush()) co_return false;
      if (!step) {
        error = step.error();
        co_return false;
      }
      if (*step == Rounds::Step::kEnd) co_return false;
      if (*step == Rounds::Step::kGenerate) break;
    }
    error = Ask(first ? arrived_ : MonotonicSeconds());
    co_return !error;
  }

  /// `tell` gets what each event adds, until every choice is done. Returns why there is no whole answer.
  template <class Tell>
  asio::awaitable<std::optional<ApiError>> Listen(Tell tell) {
    while (!round_->done() && co_await Flush()) {
      std::vector<ChoiceEvent> events = co_await round_->events.Take();
      if (gone_) break;
      for (ChoiceEvent& event : events) {
        Choice& choice = round_->choices[static_cast<std::size_t>(event.choice)];
        if (choice.stream.done()) continue;
        ChoiceDelta delta = Advance(choice, std::move(event));
        if (choice.stream.error()) co_return ToApiError(*choice.stream.error());
        tell(std::move(delta));
      }
    }
    co_return std::nullopt;
  }

  /// Gives the engine the request as it is now. `asked_seconds` is monotonic.
  std::optional<ApiError> Ask(double asked_seconds) {
    const auto& engine = model_->served->engine;
    auto round = std::make_unique<Round>(exchange_.executor(), engine, request_, asked_seconds);
    GenerateRequest& request = round->request;
    auto prompts = PreparePrompts(*model_, request);
    if (!prompts) return prompts.error();
    const auto grammar = CompileConstraint(*model_, request);
    if (!grammar) return ToApiError(grammar.error());
    int index = 0;
    for (const auto& prompt : *prompts) {
      for (int i = 0; i < request.n; ++i) {
        round->choices.push_back(
            {.stream = ChoiceStream(index, prompt, model_->tokenizer(), request,
                                    MakeAnswerParser(*model_, request, *prompt, CallSeed(choices_before_ + index)))});
        ++index;
      }
    }
    choices_before_ += index;
    if (const Status status = round->submission.Submit(*prompts, request, *grammar, deadline_, round->events);
        !status) {
      ApiError error = ToApiError(status.error());
      if (status.error().code() == ErrorCode::kResourceExhausted) {
        error.retry_after_seconds = static_cast<int>(std::ceil(engine->SecondsUntilRoom()));
      }
      return error;
    }
    const auto length = static_cast<std::int64_t>(prompts->front()->tokens.size());
    if (const auto& tools = prompts->front()->tools) {
      state_.metrics->OnToolSelection(static_cast<std::int64_t>(tools->offered),
                                      static_cast<std::int64_t>(tools->names.size()));
    }
    state_.metrics->OnAccepted(request.n, request.max_tokens.value_or(model_->max_context - length));
    round_ = std::move(round);
    return std::nullopt;
  }

  /// Before what follows an answer.
  void FinishAnswer() {
    if (!round_) return;
    const Usage usage = UsageOf(*round_);
    usage_before_ += usage;
    if (request_.max_tokens) *request_.max_tokens -= usage.completion_tokens;
    round_ = nullptr;
  }

  /// Sends what the stream has to say. False when nobody takes it any more.
  asio::awaitable<bool> Flush() {
    if (!gone_ && !out_.empty() && !co_await exchange_.Write(std::exchange(out_, {}))) gone_ = true;
    co_return !gone_;
  }

  void Interrupt() {
    gone_ = true;
    if (round_) round_->events.Interrupt();
    if (rounds_) rounds_->Interrupt();
  }

  /// Makes the ids of a choice's calls its own.
  std::uint64_t CallSeed(int choice) const { return SeedOfChoice(std::hash<std::string>()(id_), choice); }

  ChoiceDelta Advance(Choice& choice, ChoiceEvent said) {
    Submission& submission = round_->submission;
    if (said.event.finish) submission.MarkEnded(said.choice);
    const bool prompt_known = choice.first_token > 0;
    if (!said.event.tokens.empty()) {  // tokens that come together, by speculation, are waited for once
      if (choice.first_token == 0) {
        choice.first_token = said.seconds;
        state_.metrics->OnFirstToken(said.seconds - round_->asked);
      } else {
        state_.metrics->OnNextToken(said.seconds - choice.last_token);
      }
      choice.last_token = said.seconds;
    }
    ChoiceDelta delta = choice.stream.OnEvent(std::move(said.event));
    if (!prompt_known && choice.first_token > 0) {
      state_.metrics->OnPrompt(choice.stream.prompt_tokens(), choice.stream.cached_tokens());
    }
    if (choice.stream.ended_early()) submission.Cancel(said.choice);
    if (choice.stream.done()) {
      const std::string_view reason = delta.finish_reason == "tool_calls" ? "stop" : delta.finish_reason;  // as vLLM's
      Report(choice, choice.stream.error() ? std::string_view("error") : reason);
    }
    return delta;
  }

  void Report(const Choice& choice, std::string_view reason) {
    const double asked = round_->asked;
    state_.metrics->OnChoiceEnd({.reason = reason,
                                 .seconds = MonotonicSeconds() - asked,
                                 .first_token_seconds = choice.first_token > 0 ? choice.first_token - asked : 0,
                                 .prompt_tokens = choice.stream.prompt_tokens(),
                                 .output_tokens = choice.stream.output_tokens()});
  }

  /// A prompt counts once, however many choices it has.
  Usage UsageOf(const Round& round) const {
    Usage usage;
    for (std::size_t i = 0; i < round.choices.size(); ++i) {
      const ChoiceStream& stream = round.choices[i].stream;
      usage.completion_tokens += stream.output_tokens();
      usage.reasoning_tokens += stream.reasoning_tokens();
      if (i % static_cast<std::size_t>(request_.n) != 0) continue;
      usage.prompt_tokens += stream.prompt_tokens();
      usage.cached_tokens += stream.cached_tokens();
    }
    return usage;
  }
  Usage TotalUsage() const {
    Usage usage = usage_before_;
    if (round_) usage += UsageOf(*round_);
    return usage;
  }

  ServerState& state_;
  const std::shared_ptr<const LoadedModel> model_;
  GenerateRequest request_;
  const std::string id_;
  const std::unique_ptr<ResponseWriter> writer_;
  const std::unique_ptr<Rounds> rounds_;
  const double arrived_;
  const std::chrono::steady_clock::time_point deadline_;
  Exchange& exchange_;
  std::unique_ptr<Round> round_;
  Usage usage_before_;      ///< of the answers before this one
  int choices_before_ = 0;  ///< in all answers asked for
  std::string out_;         ///< events of a stream that are not sent yet
  bool gone_ = false;       ///< nobody waits for the response
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
    co_await exchange.Refuse(state.NoGenerator(call->request.model));
    co_return;
  }
  call->request.tenant = tenant;
  if (call->request.knowledge) {
    co_await knowledge::ServeChat(state, call->request, exchange);
    co_return;
  }
  co_await RunCall(state, std::move(model), std::move(*call), arrived_seconds, exchange);
}

asio::awaitable<void> RunCall(ServerState& state, std::shared_ptr<const LoadedModel> model, GenerateCall call,
                              double arrived_seconds, Exchange& exchange) {
  Run run(state, std::move(model), std::move(call), arrived_seconds, exchange);
  co_await run.Respond();
}

}  // namespace strata::serve
