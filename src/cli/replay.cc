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

/// The gaps of one stream that end in (begin, end], in milliseconds.
void AddGaps(const std::vector<double>& times, double begin, double end, std::vector<double>& gaps) {
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] > begin && times[i] <= end) gaps.push_back((times[i] - times[i - 1]) * 1000);
  }
}

}  // namespace

Result<std::unique_ptr<TimedRequest>> TimedRequest::Submit(Engine& engine, const TraceRequest& request,
                                                           std::uint64_t seed) {
  std::unique_ptr<TimedRequest> timed(new TimedRequest(engine));
  EngineRequest work;
  work.prompt = PromptOf(engine, request, seed);
  work.sampling.temperature = 0;
  work.sampling.ignore_eos = true;
  work.sampling.max_tokens = request.output_tokens;
  work.priority = request.priority;
  work.tenant = request.tenant;
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
  constexpr std::int64_t kShort = 16;
  constexpr std::size_t kBefore = 200;  // tokens of each stream before the prompt comes: p99 of 8 streams is the 16th
  const TraceRequest long_prompt = {.prompt_tokens = prompt_tokens, .output_tokens = 1};
  const auto first_token_ms = [&](std::uint64_t seed) -> Result<double> {
    const double begin = MonotonicSeconds();
    STRATA_TRY(const auto request, TimedRequest::Submit(engine, long_prompt, seed));
    STRATA_CHECK(request->Wait());
    return (request->token_times().at(0) - begin) * 1000;
  };
  MixedLoad load;
  STRATA_TRY(load.alone_ms, first_token_ms(1000));
  std::vector<std::unique_ptr<TimedRequest>> decoding;
  for (std::int64_t i = 0; i < streams; ++i) {
    const TraceRequest endless = {.prompt_tokens = kShort, .output_tokens = engine.max_context() - kShort};
    STRATA_TRY(auto request, TimedRequest::Submit(engine, endless, static_cast<std::uint64_t>(i + 1)));
    decoding.push_back(std::move(request));
  }
  for (const auto& request : decoding) request->WaitForTokens(2);
  const double start = MonotonicSeconds();  // all decode from here on
  for (const auto& request : decoding) request->WaitForTokens(kBefore);
  const double arrival = MonotonicSeconds();
  STRATA_TRY(load.first_token_ms, first_token_ms(1001));
  const double end = MonotonicSeconds();
  for (const auto& request : decoding) {
    const std::vector<double> times = request->token_times();
    AddGaps(times, start, arrival, load.before_ms);
    AddGaps(times, arrival, end, load.during_ms);
  }
  return load;
}

}  // namespace strata::cli
