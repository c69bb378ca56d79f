#include "engine/pooling_engine.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/pooling_queue.h"

namespace strata {

struct PoolingEngine::State {
  State(std::unique_ptr<ModelRunner> runner_in, PoolingEngineOptions options_in)
      : runner(std::move(runner_in)), options(std::move(options_in)), queue(options.tenant_weights) {
    options.step_tokens = std::min(options.step_tokens, runner->options().max_step_tokens);
  }

  const std::unique_ptr<ModelRunner> runner;
  PoolingEngineOptions options;

  // Shared, under the mutex.
  std::mutex mutex;
  std::condition_variable changed;  ///< for the engine thread
  std::condition_variable idle;     ///< for Drain
  std::vector<std::unique_ptr<PoolingJob>> arrived;
  std::vector<RequestId> cancelled;
  RequestId next_id = 1;
  std::int64_t alive = 0;
  bool draining = false, stopping = false;
  PoolingStats stats;

  // The engine thread's own.
  PoolingQueue queue;
  std::vector<PoolingQueue::Pick> picks;  ///< of the step
  std::vector<SequenceSlice> slices;
  std::vector<std::int32_t> blocks;
  std::thread thread;

  void Loop();
  bool TakeMessages();
  void EndOverdue();
  void Fail(std::vector<std::unique_ptr<PoolingJob>> jobs, const Error& error);
  void End(PoolingJob& job, Result<PooledRows> result);
  void Step();
  void ChooseTexts();
  void BuildSlices();
};

bool PoolingEngine::State::TakeMessages() {
  std::vector<std::unique_ptr<PoolingJob>> fresh;
  std::vector<RequestId> ended;
  {
    std::unique_lock lock(mutex);
    if (queue.empty()) changed.wait(lock, [&] { return stopping || !arrived.empty() || !cancelled.empty(); });
    if (stopping) return false;
    fresh.swap(arrived);
    ended.swap(cancelled);
  }
  for (auto& job : fresh) queue.Add(std::move(job));
  if (!ended.empty()) {
    Fail(queue.Remove([&](const PoolingJob& job) { return std::ranges::find(ended, job.id) != ended.end(); }),
         Error(ErrorCode::kCancelled, "the request was cancelled"));
  }
  return true;
}

void PoolingEngine::State::EndOverdue() {
  const auto now = std::chrono::steady_clock::now();
  Fail(queue.Remove([&](const PoolingJob& job) { return job.request.deadline && *job.request.deadline <= now; }),
       Error(ErrorCode::kDeadlineExceeded, "the request's deadline has passed"));
}

void PoolingEngine::State::Fail(std::vector<std::unique_ptr<PoolingJob>> jobs, const Error& error) {
  for (const auto& job : jobs) End(*job, std::unexpected(error));
}

void PoolingEngine::State::End(PoolingJob& job, Result<PooledRows> result) {
  job.request.on_done(std::move(result));
  const std::lock_guard lock(mutex);
  --alive;
  stats.requests = alive;
  idle.notify_all();
}

void PoolingEngine::State::ChooseTexts() {
  picks.clear();
  std::int64_t room = options.step_tokens;
  // A text that is longer than a step gets one for itself.
  PoolingQueue::Pick pick = queue.Next(runner->options().max_step_tokens);
  while (pick) {
    picks.push_back(pick);
    room -= static_cast<std::int64_t>(pick.job->request.inputs[pick.input].tokens.size());
    if (room <= 0 || static_cast<std::int64_t>(picks.size()) == runner->options().max_sequences) return;
    pick = queue.Next(room);
  }
}

/// Nothing of the KV outlives the step: it has the whole pool, from block 0 on.
void PoolingEngine::State::BuildSlices() {
  slices.clear();
  std::size_t used = 0;
  for (const PoolingQueue::Pick& pick : picks) {
    const PoolingInput& input = pick.job->request.inputs[pick.input];
    const auto count = static_cast<std::size_t>(KvPool::BlocksFor(static_cast<std::int64_t>(input.tokens.size())));
    slices.push_back({.tokens = input.tokens,
                      .block_table = std::span(blocks).subspan(used, count),
                      .phase = Phase::kPrefill,
                      .token_types = input.token_types});
    used += count;
  }
}

void PoolingEngine::State::Step() {
  ChooseTexts();
  if (picks.empty()) return;
  BuildSlices();
  const Result<LogitsView> rows = runner->Run(slices);
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < picks.size(); ++i) {
    const auto& [job, input] = picks[i];
    --job->under_way;
    tokens += static_cast<std::int64_t>(slices[i].tokens.size());
    if (!rows) continue;
    const std::span<const float> row = rows->row(static_cast<std::int64_t>(i));
    std::ranges::copy(row, job->rows.values.begin() + static_cast<std::ptrdiff_t>(input * row.size()));
  }
  {
    const std::lock_guard lock(mutex);
    ++stats.steps;
    stats.inputs += static_cast<std::int64_t>(picks.size());
    stats.tokens += tokens;
    stats.inputs_waiting = queue.inputs();
  }
  if (!rows) {  // a device's failure ends those that were in the step, and nobody else
    Fail(queue.Remove([&](const PoolingJob& job) {
      return std::ranges::any_of(picks, [&](const auto& pick) { return pick.job == &job; });
    }),
         rows.error());
    return;
  }
  for (const auto& job : queue.Remove([](const PoolingJob& job) { return job.complete(); })) {
    End(*job, std::move(job->rows));
  }
}

void PoolingEngine::State::Loop() {
  while (TakeMessages()) {
    EndOverdue();
    Step();
  }
  const Error gone(ErrorCode::kCancelled, "the engine was stopped");
  Fail(queue.Remove([](const PoolingJob&) { return true; }), gone);
  std::vector<std::unique_ptr<PoolingJob>> late;
  {
    const std::lock_guard lock(mutex);
    late.swap(arrived);
  }
  Fail(std::move(late), gone);
}

PoolingEngine::PoolingEngine(std::unique_ptr<ModelRunner> runner, PoolingEngineOptions options)
    : state_(std::make_unique<State>(std::move(runner), std::move(options))) {
  assert(config().whole() && config().pooling.pooling != Pooling::kNone);
  KvPool& pool = state_->runner->kv();
  const Status allocated = pool.Allocate(pool.blocks(), state_->blocks);
  assert(allocated && "nobody else uses the pool");
  static_cast<void>(allocated);
  state_->thread = std::thread([this] { state_->Loop(); });
}

PoolingEngine::~PoolingEngine() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = state_->draining = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Result<RequestId> PoolingEngine::Submit(PoolingRequest request) {
  const auto refuse = [](std::size_t input, const std::string& message) {
    const std::string path = fmt::format("inputs[{}]", input);
    return std::unexpected(Error(ErrorCode::kInvalidArgument, fmt::format("{}: {}", path, message)).WithParam(path));
  };
  auto job = std::make_unique<PoolingJob>();
  job->rows.width = config().output_width();
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const auto& [tokens, types] = request.inputs[i];
    const auto length = static_cast<std::int64_t>(tokens.size());
    if (length == 0) return refuse(i, "there are no tokens");
    if (length > max_context()) return refuse(i, fmt::format("{} tokens, {} are possible", length, max_context()));
    if (!types.empty() && types.size() != tokens.size()) return refuse(i, "token_types are as many as tokens");
    const auto outside = [](const std::vector<std::int32_t>& ids, std::int64_t count) {
      return std::ranges::any_of(ids, [&](std::int32_t id) { return id < 0 || id >= count; });
    };
    if (outside(tokens, config().vocab)) return refuse(i, "a token is outside of the vocabulary");
    // A model without token types looks at none.
    if (outside(types, std::max<std::int64_t>(config().token_types, 1)))
      return refuse(i, "a token type is out of range");
    job->rows.tokens += length;
  }
  if (request.inputs.empty()) return refuse(0, "is missing");
  job->rows.values.resize(request.inputs.size() * static_cast<std::size_t>(job->rows.width));
  job->request = std::move(request);
  RequestId id = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->draining) return strata::Fail(ErrorCode::kUnavailable, "the engine is shutting down");
    if (state_->alive >= state_->options.max_queued) {
      return strata::Fail(ErrorCode::kResourceExhausted, "the queue is full: {} requests wait",
                          state_->options.max_queued);
    }
    id = job->id = state_->next_id++;
    state_->stats.requests = ++state_->alive;
    state_->stats.inputs_waiting += static_cast<std::int64_t>(job->request.inputs.size());
    state_->arrived.push_back(std::move(job));
  }
  state_->changed.notify_one();
  return id;
}

void PoolingEngine::Cancel(RequestId id) {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled.push_back(id);
  state_->changed.notify_one();
}

bool PoolingEngine::Drain(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(state_->mutex);
  state_->draining = true;
  return state_->idle.wait_until(lock, deadline, [&] { return state_->alive == 0; });
}

std::int64_t PoolingEngine::max_context() const { return state_->runner->options().max_context; }
const ModelConfig& PoolingEngine::config() const { return state_->runner->config(); }
const ModelRunner& PoolingEngine::runner() const { return *state_->runner; }

PoolingStats PoolingEngine::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

void NormalizeVector(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0) return;
  const auto factor = static_cast<float>(1 / std::sqrt(squares));
  for (float& value : vector) value *= factor;
}

}  // namespace strata
