#include "serve/generate.h"

#include <cmath>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "serve/generation.h"
#include "serve/response.h"
#include "serve/sse.h"

namespace strata::serve {
namespace {

namespace asio = boost::asio;

/// One request under way: its choices, and what has been told to the client and to the metrics.
class Run {
 public:
  Run(ServerState& state, std::shared_ptr<const LoadedModel> model, GenerateRequest request, ResponseHeader header,
      double arrived, Exchange& exchange)
      : state_(state),
        model_(std::move(model)),
        request_(std::move(request)),
        header_(std::move(header)),
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
    auto grammar = PrepareGrammar(*model_, request_);
    if (!grammar) return grammar.error();
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
          co_await exchange_.Respond(ErrorResponse(ToApiError(*choice.stream.error())));
          co_return;
        }
      }
    }
    co_await exchange_.Respond({.body = request_.chat ? ChatResponse(header_, results, TotalUsage())
                                                      : CompletionResponse(header_, results, TotalUsage()),
                                .headers = {}});
  }

  asio::awaitable<void> Streamed() {
    exchange_.OnClientGone([this] { channel_.Interrupt(); });
    co_await exchange_.BeginStream({.content_type = "text/event-stream; charset=utf-8",
                                    .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
    std::optional<Error> error;
    while (!AllDone() && !error) {
      std::vector<EventChannel::Item> items = co_await channel_.Take();
      if (items.empty()) co_return;
      std::string out;
      for (EventChannel::Item& item : items) {
        Choice& choice = choices_[static_cast<std::size_t>(item.choice)];
        if (choice.stream.done()) continue;
        ChoiceDelta delta = Advance(choice, std::move(item));
        error = choice.stream.error();
        if (error) break;
        WriteDelta(choice, std::move(delta), out);
      }
      if (!out.empty() && !co_await exchange_.Write(out)) co_return;
    }
    std::string end;
    if (error) {
      end = SseEvent(ErrorJson(ToApiError(*error)));
    } else if (request_.include_usage) {
      end =
          SseEvent(request_.chat ? ChatUsageChunk(header_, TotalUsage()) : CompletionUsageChunk(header_, TotalUsage()));
    }
    end += kSseDone;
    if (co_await exchange_.Write(end)) co_await exchange_.EndStream();
  }

  bool stream() const { return request_.stream; }

 private:
  struct Choice {
    ChoiceStream stream;
    double first_token = 0, last_token = 0;  ///< monotonic seconds; 0 = none yet
    bool shown = false;                      ///< its first chunk is written
    std::int64_t text_offset = 0;
  };

  /// Makes the ids of a choice's calls its own.
  std::uint64_t CallSeed(int choice) const { return SeedOfChoice(std::hash<std::string>()(header_.id), choice); }

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

  void WriteDelta(Choice& choice, ChoiceDelta delta, std::string& out) {
    const bool first = !std::exchange(choice.shown, true);
    if (first && request_.chat) out += SseEvent(ChatRoleChunk(header_, delta.index, ChunkUsage()));
    const bool says_something = !delta.text.empty() || !delta.reasoning.empty() || !delta.logged.empty() ||
                                (request_.return_token_ids && !delta.tokens.empty());
    if (!request_.chat) {
      if (says_something || !delta.finish_reason.empty()) {
        out += SseEvent(CompletionChunk(header_, delta, choice.text_offset, ChunkUsage()));
      }
      return;
    }
    // A chat's end is a chunk of its own with an empty delta, as OpenAI sends it.
    ChoiceDelta end{.index = delta.index,
                    .finish_reason = std::exchange(delta.finish_reason, ""),
                    .stop_reason = std::exchange(delta.stop_reason, {})};
    const std::vector<ChoiceDelta> deltas = SplitCalls(std::move(delta));
    if (says_something) out += SseEvent(ChatChunk(header_, deltas.front(), ChunkUsage()));
    for (const ChoiceDelta& call : std::span(deltas).subspan(1)) {
      out += SseEvent(ChatChunk(header_, call, ChunkUsage()));
    }
    if (!end.finish_reason.empty()) out += SseEvent(ChatChunk(header_, end, ChunkUsage()));
  }

  UsageField ChunkUsage() const {
    if (!request_.include_usage) return {};
    if (!request_.continuous_usage) return {.present = true};
    return {.present = true, .value = TotalUsage()};
  }

  /// A prompt counts once, however many choices it has.
  Usage TotalUsage() const {
    Usage usage;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      usage.completion_tokens += choices_[i].stream.output_tokens();
      if (i % static_cast<std::size_t>(request_.n) != 0) continue;
      usage.prompt_tokens += choices_[i].stream.prompt_tokens();
      usage.cached_tokens += choices_[i].stream.cached_tokens();
    }
    return usage;
  }

  ServerState& state_;
  const std::shared_ptr<const LoadedModel> model_;
  GenerateRequest request_;
  const ResponseHeader header_;
  const double arrived_;
  Exchange& exchange_;
  EventChannel channel_;
  std::vector<Choice> choices_;
  Submission submission_;
};

ResponseHeader MakeHeader(const LoadedModel& model, const ServerState& state, const GenerateRequest& request) {
  const std::string_view prefix = request.chat ? "chatcmpl-" : "cmpl-";
  return {.id = request.request_id.empty() ? MakeId(prefix) : std::string(prefix) + request.request_id,
          .created = UnixSeconds(),
          .model = request.model.empty() ? state.options.model_name : request.model,
          .fingerprint = model.fingerprint,
          .tokenizer = model.served->tokenizer.get(),
          .tokens_as_ids = request.tokens_as_ids,
          .return_token_ids = request.return_token_ids,
          .logprobs = request.logprobs.has_value(),
          .prompt_logprobs = request.prompt_logprobs.has_value()};
}

}  // namespace

asio::awaitable<void> Generate(ServerState& state, std::shared_ptr<const LoadedModel> model, bool chat,
                               const HttpRequest& http, double arrived_seconds, Exchange& exchange) {
  const GenerationDefaults& defaults = model->served->file->generation_defaults();
  Result<GenerateRequest> request =
      chat ? ParseChatRequest(http.body, defaults) : ParseCompletionRequest(http.body, defaults);
  if (!request) {
    co_await exchange.Respond(ErrorResponse(ToApiError(request.error())));
    co_return;
  }
  if (!request->model.empty() && !state.IsModelName(request->model)) {
    co_await exchange.Respond(ErrorResponse(ModelNotFound(request->model)));
    co_return;
  }
  request->tenant = TenantOf(state.options, http.authorization).value_or(0);
  ResponseHeader header = MakeHeader(*model, state, *request);
  Run run(state, std::move(model), std::move(*request), std::move(header), arrived_seconds, exchange);
  if (const std::optional<ApiError> refused = run.Start()) {
    co_await exchange.Respond(ErrorResponse(*refused));
    co_return;
  }
  if (run.stream()) {
    co_await run.Streamed();
  } else {
    co_await run.Whole();
  }
}

}  // namespace strata::serve
