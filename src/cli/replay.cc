#include "cli/replay.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "cli/bench_engine.h"

namespace strata::cli {
namespace {

std::vector<TokenId> PromptOf(const Engine& engine, const TraceRequest& request, std::uint64_t seed) {
  const std::int64_t vocab = engine.runner().config().vocab;
  const std::int64_t shared = request.prefix.empty() ? 0 : request.prefix_tokens;
  std::vector<TokenId> prompt = SomeTokens(shared, vocab, std::hash<std::string>()(request.prefix));
  const std::vector<TokenId> own = SomeTokens(request.prompt_tokens - shared, vocab, seed);
  prompt.insert(prompt.end(), own.begin(), own.end());
  return prompt;
}

/// Streams that decode to the end of the context, each after a short prompt, once all have `tokens` tokens.
using Streams = std::vector<std::unique_ptr<TimedRequest>>;
Result<Streams> StartStreams(Engine& engine, std::int64_t count, std::size_t tokens) {
  constexpr std::int64_t kPrompt = 16;
  const TraceRequest endless = {.prompt_tokens = kPrompt, .output_tokens = engine.max_context() - kPrompt};
  Streams streams;
  for (std::int64_t i = 0; i < count; ++i) {
    STRATA_TRY(auto request, TimedRequest::Submit(engine, endless, static_cast<std::uint64_t>(i + 1)));
    streams.push_back(std::move(request));
  }
  for (const auto& stream : streams) stream->WaitForTokens(tokens);
  return streams;
}

/// Milliseconds before each of the tokens [first, last) of a stream.
void AddGaps(const std::vector<double>& times, std::size_t first, std::size_t last, std::vector<double>& gaps) {
  for (std::size_t i = first; i < last; ++i) gaps.push_back((times[i] - times[i - 1]) * 1000);
}

}  // namespace

Result<std::unique_ptr<TimedRequest>> TimedRequest::Submit(Engine& engine, const TraceRequest& request,
                                                           std::uint64_t seed) {
  EngineRequest work;
  work.prompt = PromptOf(engine, request, seed);
  work.sampling.temperature = 0;
  work.sampling.ignore_eos = true;
  work.sampling.max_tokens = request.output_tokens;
  work.priority = request.priority;
  work.tenant = request.tenant;
  return Submit(engine, std::move(work));
}

Result<std::unique_ptr<TimedRequest>> TimedRequest::Submit(Engine& engine, EngineRequest work) {
  std::unique_ptr<TimedRequest> timed(new TimedRequest(engine));
  work.on_event = [self = timed.get()](EngineEvent&& event) { self->OnEvent(std::move(event)); };
  Result<RequestId> id = engine.Submit(std::move(work));
  if (!id) {
    timed->ended_ = true;
    return std::unexpected(std::move(id.error()));
  }
  timed->id_ = *id;
  return timed;
}

TimedRequest::~TimedRequest() {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  engine_.Cancel(id_);
  changed_.wait(lock, [&] { return ended_; });  // its callback points here
}

void TimedRequest::OnEvent(EngineEvent&& event) {
  const std::lock_guard lock(mutex_);
  times_.insert(times_.end(), event.tokens.size(), MonotonicSeconds());
  ended_ = event.finish.has_value();
  error_ = std::move(event.error);
  changed_.notify_all();
}

void TimedRequest::WaitForTokens(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || times_.size() >= count; });
}

Status TimedRequest::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
  if (error_) return std::unexpected(*error_);
  return {};
}

std::vector<double> TimedRequest::token_times() {
  const std::lock_guard lock(mutex_);
  return times_;
}

Result<std::vector<RequestTimeline>> Replay(Engine& engine, const std::vector<TraceRequest>& trace) {
  std::vector<std::unique_ptr<TimedRequest>> requests;
  const auto begin = std::chrono::steady_clock::now();
  const double begin_seconds = MonotonicSeconds();
  for (const TraceRequest& request : trace) {
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                              std::chrono::duration<double>(request.arrival)));
    STRATA_TRY(auto timed, TimedRequest::Submit(engine, request, requests.size() + 1), "request {} of the trace",
               requests.size() + 1);
    requests.push_back(std::move(timed));
  }
  std::vector<RequestTimeline> timelines;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    STRATA_CHECK(requests[i]->Wait());
    RequestTimeline& timeline = timelines.emplace_back();
    timeline.arrival = trace[i].arrival;
    for (const double time : requests[i]->token_times()) timeline.tokens.push_back(time - begin_seconds);
  }
  return timelines;
}

Result<MixedLoad> MeasureMixed(Engine& engine, std::int64_t streams, std::int64_t prompt_tokens) {
  constexpr std::size_t kBefore = 64;  // tokens of each stream before the prompt comes
  const TraceRequest long_prompt = {.prompt_tokens = prompt_tokens, .output_tokens = 1};
  const auto first_token_ms = [&](std::uint64_t seed) -> Result<double> {
    const double begin = MonotonicSeconds();
    STRATA_TRY(const auto request, TimedRequest::Submit(engine, long_prompt, seed));
    STRATA_CHECK(request->Wait());
    return (request->token_times().at(0) - begin) * 1000;
  };
  MixedLoad load;
  STRATA_TRY(load.alone_ms, first_token_ms(1000));
  std::vector<std::pair<std::size_t, std::size_t>> spans;  // the tokens of each stream that came meanwhile
  {
    STRATA_TRY(const Streams decoding, StartStreams(engine, streams, kBefore));
    const double arrival = MonotonicSeconds();
    STRATA_TRY(load.first_token_ms, first_token_ms(1001));
    const double end = MonotonicSeconds();
    for (const auto& stream : decoding) {
      const std::vector<double> times = stream->token_times();
      const auto index = [&](double time) {
        return static_cast<std::size_t>(std::ranges::upper_bound(times, time) - times.begin());
      };
      AddGaps(times, index(arrival), index(end), load.during_ms);
      spans.emplace_back(index(arrival), index(end));
    }
  }
  STRATA_TRY(const Streams decoding, StartStreams(engine, streams, kBefore));
  for (std::size_t i = 0; i < spans.size(); ++i) {
    decoding[i]->WaitForTokens(spans[i].second);
    AddGaps(decoding[i]->token_times(), spans[i].first, spans[i].second, load.without_ms);
  }
  return load;
}

}  // namespace strata::cli
