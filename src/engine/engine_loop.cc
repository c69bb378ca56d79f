// The engine thread: messages in, then step after step.
#include <algorithm>

#include "base/clock.h"
#include "engine/engine_state.h"

namespace strata {

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
  for (const auto& sequence : fresh) ledger.Arrive(sequence->request.tenant);
  std::ranges::move(fresh, std::back_inserter(waiting));
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
      if (error != nullptr) {
        Fail(*sequence, *error);
      } else {
        Finish(*sequence, {}, reason);
      }
      sequence.reset();
    }
    std::erase(list, nullptr);
  };
  end(waiting);
  end(running);
}

void Engine::State::Fail(Sequence& sequence, const Error& error) {
  EngineEvent event;
  event.error = error;
  Finish(sequence, std::move(event), FinishReason::kError);
}

void Engine::State::Finish(Sequence& sequence, EngineEvent event, FinishReason reason) {
  sequence.kv.Release();
  sequence.draft_reader.reset();
  event.finish = reason;
  event.prompt_tokens = sequence.prompt;
  event.cached_tokens = sequence.cached;
  sequence.times.finished = MonotonicSeconds();
  sequence.times.output_tokens = sequence.outputs();
  sequence.times.reason = reason;
  if (observer) observer->OnFinished(sequence.times);
  sequence.request.on_event(std::move(event));
  sequence.request.on_event = nullptr;
  ledger.Leave(sequence.request.tenant);
  const std::lock_guard lock(mutex);
  --alive;
  turnover.OnEnd(sequence.times.finished, alive > options.scheduler.max_sequences);
  idle.notify_all();
}

void Engine::State::Sweep() {
  const std::lock_guard lock(mutex);
  stats.running = static_cast<std::int64_t>(running.size());
  stats.waiting = static_cast<std::int64_t>(waiting.size() + arrived.size());
  stats.kv_blocks_used = kv_blocks - cache.free_blocks();
}

void Engine::State::Loop() {
  while (TakeMessages()) {
    EndOverdue();
    Step();
    Sweep();
  }
  EndWhere([](const Sequence&) { return true; }, FinishReason::kCancelled, nullptr);
  std::deque<std::unique_ptr<Sequence>> late;
  {
    const std::lock_guard lock(mutex);
    late.swap(arrived);
  }
  for (auto& sequence : late) {
    ledger.Arrive(sequence->request.tenant);
    Finish(*sequence, {}, FinishReason::kCancelled);
  }
}

}  // namespace strata
