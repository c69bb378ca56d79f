#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "engine/sampler.h"

namespace strata {
namespace {

struct Sequence {
  RequestId id = 0;
  EngineRequest request;
  std::vector<TokenId> tokens;  ///< prompt, then output
  std::int64_t computed = 0;    ///< tokens whose KV is in the cache
  std::int64_t prompt = 0;
  std::vector<std::int32_t> blocks;
  std::unique_ptr<Sampler> sampler;
  EngineObserver::RequestTimes times{};
  std::vector<TokenLogprobs> prompt_logprobs;

  std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t outputs() const { return length() - prompt; }
  bool WantsPromptLogprobs() const { return request.sampling.prompt_logprobs && outputs() == 0; }
  /// The likeliest token is all that its next sample needs: no logits are written for it.
  bool TakesArgmax() const {
    return sampler->TakesArgmax() && !request.sampling.logprobs && !WantsPromptLogprobs() &&
           outputs() >= request.sampling.min_tokens;
  }
};

}  // namespace

struct Engine::State {
  State(std::unique_ptr<ModelRunner> runner_in, std::shared_ptr<const Tokenizer> tokenizer_in, EngineOptions options_in,
        std::shared_ptr<EngineObserver> observer_in)
      : runner(std::move(runner_in)),
        tokenizer(std::move(tokenizer_in)),
        options(options_in),
        observer(std::move(observer_in)),
        kv_blocks(runner->kv().blocks()) {
    options.max_step_tokens = std::min(options.max_step_tokens, runner->options().max_step_tokens);
    options.max_sequences = std::min(options.max_sequences, runner->options().max_sequences);
  }

  const std::unique_ptr<ModelRunner> runner;
  const std::shared_ptr<const Tokenizer> tokenizer;
  EngineOptions options;
  const std::shared_ptr<EngineObserver> observer;
  const std::int64_t kv_blocks;

  // Shared with other threads, under the mutex.
  std::mutex mutex;
  std::condition_variable changed;  ///< for the engine thread: something to do
  std::condition_variable idle;     ///< for Drain: a request ended
  std::deque<std::unique_ptr<Sequence>> arrived;
  std::vector<RequestId> cancelled;
  RequestId next_id = 1;
  std::int64_t alive = 0;
  bool draining = false, stopping = false;
  EngineStats stats;

  // The engine thread's own.
  std::list<std::unique_ptr<Sequence>> waiting;    ///< by priority, then arrival
  std::vector<std::unique_ptr<Sequence>> running;  ///< oldest first
  std::mt19937_64 seeds{std::random_device{}()};
  std::thread thread;

  void Loop();
  bool TakeMessages();
  void EndOverdue();
  void Admit();
  bool Grow(Sequence& sequence, std::int64_t length);
  bool PreemptYoungest(std::size_t older_than);
  void Step();
  void Accept(Sequence& sequence, const LogitsView& logits, std::int64_t first_row, std::int64_t rows,
              std::int64_t start, EngineEvent& event);
  void Finish(Sequence& sequence, EngineEvent event, FinishReason reason);
  void EndWhere(const std::function<bool(const Sequence&)>& which, FinishReason reason, const Error* error);
  void Sweep();
  bool IsEnd(const Sequence& sequence, TokenId token) const;
  std::vector<TokenId> Ends(const Sequence& sequence) const;
};

bool Engine::State::TakeMessages() {
  std::vector<std::unique_ptr<Sequence>> fresh;
  std::vector<RequestId> ended;
  {
    std::unique_lock lock(mutex);
    const auto work = [&] { return stopping || !arrived.empty() || !cancelled.empty(); };
    if (running.empty() && waiting.empty()) changed.wait(lock, work);
    if (stopping) return false;
    fresh.assign(std::make_move_iterator(arrived.begin()), std::make_move_iterator(arrived.end()));
    arrived.clear();
    ended.swap(cancelled);
  }
  for (auto& sequence : fresh) {
    const auto place = std::ranges::find_if(
        waiting, [&](const auto& other) { return other->request.priority > sequence->request.priority; });
    waiting.insert(place, std::move(sequence));
  }
  if (!ended.empty()) {
    EndWhere([&](const Sequence& s) { return std::ranges::find(ended, s.id) != ended.end(); }, FinishReason::kCancelled,
             nullptr);
  }
  return true;
}

void Engine::State::EndOverdue() {
  const auto now = std::chrono::steady_clock::now();
  const Error late(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
  EndWhere([&](const Sequence& s) { return s.request.deadline && *s.request.deadline <= now; }, FinishReason::kError,
           &late);
}

void Engine::State::EndWhere(const std::function<bool(const Sequence&)>& which, FinishReason reason,
                             const Error* error) {
  const auto end = [&](auto& list) {
    for (auto& sequence : list) {
      if (!which(*sequence)) continue;
      EngineEvent event;
      if (error != nullptr) event.error = *error;
      Finish(*sequence, std::move(event), reason);
      sequence.reset();
    }
    std::erase(list, nullptr);
  };
  end(waiting);
  end(running);
}

void Engine::State::Finish(Sequence& sequence, EngineEvent event, FinishReason reason) {
  runner->kv().Release(sequence.blocks);
  sequence.blocks.clear();
  event.finish = reason;
  event.prompt_tokens = sequence.prompt;
  sequence.times.finished = MonotonicSeconds();
  sequence.times.output_tokens = sequence.outputs();
  sequence.times.reason = reason;
  if (observer) observer->OnFinished(sequence.times);
  sequence.request.on_event(std::move(event));
  sequence.request.on_event = nullptr;
  const std::lock_guard lock(mutex);
  --alive;
  idle.notify_all();
}

void Engine::State::Admit() {
  while (!waiting.empty() && static_cast<std::int64_t>(running.size()) < options.max_sequences) {
    Sequence& next = *waiting.front();
    // Room for its prompt and a first output; what it grows to later is found by preemption.
    const std::int64_t needed = KvPool::BlocksFor(next.length() + 1);
    if (needed > runner->kv().free_blocks() && !running.empty()) return;
    if (next.times.scheduled == 0) next.times.scheduled = MonotonicSeconds();
    if (!Grow(next, next.length())) return;
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

bool Engine::State::Grow(Sequence& sequence, std::int64_t length) {
  const std::int64_t missing = KvPool::BlocksFor(length) - static_cast<std::int64_t>(sequence.blocks.size());
  return missing <= 0 || runner->kv().Allocate(missing, sequence.blocks).has_value();
}

/// Gives up the KV of the sequence that came last: it is computed again later and goes on as if nothing had happened.
/// False when that was the one at `older_than` itself.
bool Engine::State::PreemptYoungest(std::size_t older_than) {
  Sequence& victim = *running.back();
  runner->kv().Release(victim.blocks);
  victim.blocks.clear();
  victim.computed = 0;
  waiting.push_front(std::move(running.back()));
  running.pop_back();
  const std::lock_guard lock(mutex);
  ++stats.preemptions;
  return running.size() > older_than;
}

std::vector<TokenId> Engine::State::Ends(const Sequence& sequence) const {
  std::vector<TokenId> ends = sequence.request.sampling.stop_token_ids;
  if (!sequence.request.sampling.ignore_eos) {
    const auto& eos = runner->config().eos_token_ids;
    ends.insert(ends.end(), eos.begin(), eos.end());
  }
  return ends;
}

bool Engine::State::IsEnd(const Sequence& sequence, TokenId token) const {
  const std::vector<TokenId> ends = Ends(sequence);
  return std::ranges::find(ends, token) != ends.end();
}

void Engine::State::Step() {
  // Every running sequence needs room for what it computes now. The oldest are served first, at the youngest's cost.
  for (std::size_t i = 0; i < running.size(); ++i) {
    // Submit refuses what the whole pool cannot hold, so alone every sequence fits.
    while (!Grow(*running[i], running[i]->length()) && PreemptYoungest(i)) {
    }
  }
  std::vector<SequenceSlice> slices;
  std::vector<Sequence*> members;
  std::int64_t budget = options.max_step_tokens;
  // Each sequence may have logits for one row; those that want all of theirs share what is left.
  std::int64_t logit_rows = runner->options().max_logit_rows - options.max_sequences;
  const auto add = [&](Sequence& sequence, std::int64_t count) {
    const bool all = sequence.WantsPromptLogprobs();
    if (all) {
      count = std::min(count, 1 + logit_rows);
      logit_rows -= count - 1;
    }
    const bool last = sequence.computed + count == sequence.length();
    slices.push_back({std::span(sequence.tokens)
                          .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(count)),
                      sequence.computed, sequence.blocks,
                      all    ? WantLogits::kAll
                      : last ? WantLogits::kLast
                             : WantLogits::kNone,
                      sequence.TakesArgmax() ? RowResult::kArgmax : RowResult::kLogits});
    members.push_back(&sequence);
    budget -= count;
  };
  for (const auto& sequence : running) {  // decoding rows first: they are what people watch
    if (sequence->length() - sequence->computed == 1 && budget > 0) add(*sequence, 1);
  }
  for (const auto& sequence : running) {
    const std::int64_t left = sequence->length() - sequence->computed;
    if (left > 1 && budget > 0) add(*sequence, std::min(left, budget));
  }
  if (slices.empty()) return;
  const Result<LogitsView> logits = runner->Run(slices);
  if (!logits) {  // a device's failure ends those that were in the step, and nobody else
    for (auto& sequence : running) {
      if (std::ranges::find(members, sequence.get()) == members.end()) continue;
      EngineEvent event;
      event.error = logits.error();
      Finish(*sequence, std::move(event), FinishReason::kError);
      sequence.reset();
    }
    std::erase(running, nullptr);
    return;
  }
  std::int64_t row = 0, tokens = 0, generated = 0, prompt = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    Sequence& sequence = *members[i];
    const auto count = static_cast<std::int64_t>(slices[i].tokens.size());
    const std::int64_t rows = slices[i].logits == WantLogits::kAll    ? count
                              : slices[i].logits == WantLogits::kLast ? 1
                                                                      : 0;
    const std::int64_t start = sequence.computed;
    sequence.computed += count;
    tokens += count;
    prompt += sequence.outputs() == 0 ? count : 0;
    EngineEvent event;
    if (rows > 0) Accept(sequence, *logits, row, rows, start, event);
    generated += static_cast<std::int64_t>(event.tokens.size());
    row += rows;
  }
  std::erase_if(running, [](const auto& sequence) { return sequence->request.on_event == nullptr; });
  if (observer) observer->OnStep(tokens);
  const std::lock_guard lock(mutex);
  ++stats.steps;
  stats.generated_tokens += generated;
  stats.prompt_tokens += prompt;
}

void Engine::State::Accept(Sequence& sequence, const LogitsView& logits, std::int64_t first_row, std::int64_t rows,
                           std::int64_t start, EngineEvent& event) {
  const SamplingParams& sampling = sequence.request.sampling;
  if (sequence.WantsPromptLogprobs()) {
    for (std::int64_t r = 0; r < rows && start + r + 1 < sequence.prompt; ++r) {
      sequence.prompt_logprobs.push_back(ComputeLogprobs(logits.row(first_row + r),
                                                         sequence.tokens[static_cast<std::size_t>(start + r + 1)],
                                                         *sampling.prompt_logprobs));
    }
  }
  if (sequence.computed < sequence.length()) return;  // more of the prompt is to come
  event.prompt_logprobs = std::move(sequence.prompt_logprobs);
  sequence.prompt_logprobs.clear();
  event.prompt_tokens = sequence.prompt;
  if (sampling.max_tokens == 0) {
    Finish(sequence, std::move(event), FinishReason::kLength);
    return;
  }
  TokenId token = logits.argmax[static_cast<std::size_t>(first_row + rows - 1)];
  if (sequence.TakesArgmax()) {
    token = sequence.sampler->SampleArgmax(token);
  } else {
    const std::span<const float> row = logits.row(first_row + rows - 1);
    token = sequence.sampler->Sample(
        row, sequence.outputs() < sampling.min_tokens ? Ends(sequence) : std::vector<TokenId>());
    if (sampling.logprobs) event.logprobs.push_back(ComputeLogprobs(row, token, *sampling.logprobs));
  }
  event.tokens.push_back(token);
  sequence.tokens.push_back(token);
  if (sequence.times.first_token == 0) sequence.times.first_token = MonotonicSeconds();
  if (IsEnd(sequence, token)) {
    event.stop_token = token;
    Finish(sequence, event, FinishReason::kStop);
  } else if (sequence.outputs() >= sampling.max_tokens || sequence.length() >= runner->options().max_context) {
    Finish(sequence, event, FinishReason::kLength);
  } else {
    sequence.request.on_event(EngineEvent(event));
  }
}

void Engine::State::Sweep() {
  const std::lock_guard lock(mutex);
  stats.running = static_cast<std::int64_t>(running.size());
  stats.waiting = static_cast<std::int64_t>(waiting.size() + arrived.size());
  stats.kv_blocks_used = kv_blocks - runner->kv().free_blocks();
}

void Engine::State::Loop() {
  while (TakeMessages()) {
    EndOverdue();
    Admit();
    Sweep();
    Step();
    Sweep();
  }
  EndWhere([](const Sequence&) { return true; }, FinishReason::kCancelled, nullptr);
  std::deque<std::unique_ptr<Sequence>> late;
  {
    const std::lock_guard lock(mutex);
    late.swap(arrived);
  }
  for (auto& sequence : late) Finish(*sequence, {}, FinishReason::kCancelled);
}

Engine::Engine(std::unique_ptr<ModelRunner> runner, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options,
               std::shared_ptr<EngineObserver> observer)
    : state_(std::make_unique<State>(std::move(runner), std::move(tokenizer), options, std::move(observer))) {
  state_->stats.kv_blocks = state_->kv_blocks;
  state_->stats.kv_block_tokens = kernels::kKvBlock;
  state_->thread = std::thread([this] { state_->Loop(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->draining = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Result<RequestId> Engine::Submit(EngineRequest request) {
  const ModelRunner& runner = *state_->runner;
  const std::int64_t vocab = runner.config().vocab;
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  const auto refuse = [](std::string message) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, std::move(message)).WithParam("prompt"));
  };
  if (length == 0) return refuse("the prompt is empty");
  const std::int64_t room = max_context();
  if (length > room || (length == room && request.sampling.max_tokens > 0)) {
    return refuse(fmt::format("the prompt has {} tokens; with at least one of output, {} fit", length, room - 1));
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || token >= vocab)
      return refuse(fmt::format("token {} of the prompt is not in [0, {})", token, vocab));
  }
  STRATA_CHECK(request.sampling.Validate(vocab));
  request.sampling.max_tokens = std::min(request.sampling.max_tokens, room - length);

  auto sequence = std::make_unique<Sequence>();
  sequence->tokens = std::move(request.prompt);
  sequence->prompt = length;
  sequence->request = std::move(request);
  sequence->times.queued = MonotonicSeconds();
  sequence->times.prompt_tokens = length;
  RequestId id = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->draining) return Fail(ErrorCode::kUnavailable, "the engine is shutting down");
    if (state_->alive >= state_->options.max_queued + state_->options.max_sequences) {
      return Fail(ErrorCode::kResourceExhausted, "the queue is full: {} requests wait", state_->options.max_queued);
    }
    id = sequence->id = state_->next_id++;
    sequence->sampler = std::make_unique<Sampler>(sequence->request.sampling, sequence->tokens, state_->seeds());
    ++state_->alive;
    state_->arrived.push_back(std::move(sequence));
  }
  state_->changed.notify_one();
  return id;
}

void Engine::Cancel(RequestId id) {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled.push_back(id);
  state_->changed.notify_one();
}

bool Engine::Drain(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(state_->mutex);
  state_->draining = true;
  return state_->idle.wait_until(lock, deadline, [&] { return state_->alive == 0; });
}

std::int64_t Engine::max_context() const {
  return std::min(state_->runner->options().max_context, state_->kv_blocks * kernels::kKvBlock);
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

const ModelRunner& Engine::runner() const { return *state_->runner; }
const Tokenizer& Engine::tokenizer() const { return *state_->tokenizer; }

}  // namespace strata
