// One step of the engine: look at all sequences, let the scheduler decide, apply, run, accept.
#include <algorithm>

#include "base/clock.h"
#include "engine/engine_state.h"

namespace strata {
namespace {

using Sequences = std::vector<std::unique_ptr<Sequence>>;

Sequences::iterator Find(Sequences& sequences, RequestId id) {
  return std::ranges::find_if(sequences, [&](const auto& sequence) { return sequence->id == id; });
}

/// By id, so that finding the sequence of each slice is not a search through all.
std::vector<std::pair<RequestId, Sequence*>> IndexOf(const Sequences& sequences) {
  std::vector<std::pair<RequestId, Sequence*>> index;
  index.reserve(sequences.size());
  for (const auto& sequence : sequences) index.emplace_back(sequence->id, sequence.get());
  std::ranges::sort(index);
  return index;
}

SequenceView ViewOf(const Sequence& sequence, const KvPool& kv) {
  SequenceView view;
  view.id = sequence.id;
  view.priority = sequence.request.priority;
  view.tenant = sequence.request.tenant;
  view.arrived = sequence.times.queued;
  view.prompt = sequence.prompt;
  view.length = sequence.length();
  view.computed = sequence.computed;
  view.blocks = static_cast<std::int64_t>(sequence.blocks.size());
  // A block is shared only together with those before it.
  view.shared = std::ranges::partition_point(sequence.blocks, [&](std::int32_t b) { return kv.references(b) > 1; }) -
                sequence.blocks.begin();
  return view;
}

}  // namespace

/// What the runner computes in a step, and for whom: slices[i] is of members[i].
struct Engine::State::Batch {
  std::vector<SequenceSlice> slices;
  std::vector<Sequence*> members;
};

void Engine::State::Look() {
  view.now = MonotonicSeconds();
  view.free_blocks = runner->kv().free_blocks();
  view.running.clear();
  view.waiting.clear();
  for (const auto& sequence : running) view.running.push_back(ViewOf(*sequence, runner->kv()));
  for (const auto& sequence : waiting) view.waiting.push_back(ViewOf(*sequence, runner->kv()));
  view.virtual_time = ledger.virtual_time();
  view.cost = cost.cost();
}

/// Gives up the KV of a sequence: it is computed again later and goes on as if nothing had happened.
void Engine::State::Preempt(RequestId id) {
  const auto place = Find(running, id);
  std::unique_ptr<Sequence> victim = std::move(*place);
  running.erase(place);
  runner->kv().Release(victim->blocks);
  victim->blocks.clear();
  victim->computed = 0;
  const auto younger = std::ranges::find_if(waiting, [&](const auto& other) { return other->id > id; });
  waiting.insert(younger, std::move(victim));
  const std::lock_guard lock(mutex);
  ++stats.preemptions;
}

void Engine::State::Admit(RequestId id) {
  const auto place = Find(waiting, id);
  Sequence& sequence = **place;
  if (sequence.times.scheduled == 0) sequence.times.scheduled = MonotonicSeconds();
  running.push_back(std::move(*place));
  waiting.erase(place);
}

bool Engine::State::Grow(Sequence& sequence, std::int64_t length) {
  const std::int64_t missing = KvPool::BlocksFor(length) - static_cast<std::int64_t>(sequence.blocks.size());
  return missing <= 0 || runner->kv().Allocate(missing, sequence.blocks).has_value();
}

Engine::State::Batch Engine::State::BuildBatch(const StepDecision& decision) {
  Batch batch;
  const auto index = IndexOf(running);
  // Each sequence may have logits for one row; those that want all of theirs share what is left.
  std::int64_t logit_rows = runner->options().max_logit_rows - options.scheduler.max_sequences;
  for (const auto& [id, tokens] : decision.slices) {
    Sequence& sequence = *std::ranges::lower_bound(index, id, {}, &std::pair<RequestId, Sequence*>::first)->second;
    if (sequence.finished()) continue;
    std::int64_t count = tokens;
    if (sequence.WantsPromptLogprobs()) {
      count = std::min(count, 1 + logit_rows);
      logit_rows -= count - 1;
    }
    const bool last = sequence.computed + count == sequence.length();
    batch.slices.push_back({std::span(sequence.tokens)
                                .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(count)),
                            sequence.computed, sequence.blocks,
                            sequence.WantsPromptLogprobs() ? WantLogits::kAll
                            : last                         ? WantLogits::kLast
                                                           : WantLogits::kNone,
                            sequence.TakesArgmax() ? RowResult::kArgmax : RowResult::kLogits});
    batch.members.push_back(&sequence);
  }
  return batch;
}

void Engine::State::Step() {
  Look();
  const StepDecision decision = Schedule(view, options.scheduler);
  for (const RequestId id : decision.preempt) Preempt(id);
  for (const RequestId id : decision.admit) Admit(id);
  for (const auto& sequence : running) {
    if (!Grow(*sequence, sequence->length())) {  // not while the scheduler counts right; else nobody else's trouble
      Fail(*sequence, Error(ErrorCode::kInternal, "the scheduler promised KV blocks that are not there"));
    }
  }
  Sweep();
  if (const Batch batch = BuildBatch(decision); !batch.slices.empty()) {
    if (const Result<LogitsView> logits = runner->Run(batch.slices)) {
      StepWork work = decision.work;
      AcceptBatch(batch, *logits, work);
      const double seconds = MonotonicSeconds() - view.now;
      cost.Observe(work, seconds);
      if (observer) observer->OnStep(work, seconds);
    } else {  // a device's failure ends those that were in the step, and nobody else
      for (Sequence* sequence : batch.members) Fail(*sequence, logits.error());
    }
  }
  std::erase_if(running, [](const auto& sequence) { return sequence->finished(); });
}

/// Puts the rows of logits that there were into `work`: prompt log-probabilities want more than the scheduler knows.
void Engine::State::AcceptBatch(const Batch& batch, const LogitsView& logits, StepWork& work) {
  std::int64_t row = 0, generated = 0, prompt = 0;
  for (std::size_t i = 0; i < batch.slices.size(); ++i) {
    Sequence& sequence = *batch.members[i];
    const auto count = static_cast<std::int64_t>(batch.slices[i].tokens.size());
    const std::int64_t rows = batch.slices[i].logits == WantLogits::kAll    ? count
                              : batch.slices[i].logits == WantLogits::kLast ? 1
                                                                            : 0;
    const std::int64_t start = sequence.computed;
    sequence.computed += count;
    if (sequence.computed > sequence.charged) {
      ledger.Serve(sequence.request.tenant, sequence.computed - sequence.charged);
      sequence.charged = sequence.computed;
    }
    prompt += sequence.outputs() == 0 ? count : 0;
    EngineEvent event;
    if (rows > 0) Accept(sequence, logits, row, rows, start, event);
    generated += static_cast<std::int64_t>(event.tokens.size());
    row += rows;
  }
  work.logit_rows = row;
  const std::lock_guard lock(mutex);
  ++stats.steps;
  stats.generated_tokens += generated;
  stats.prompt_tokens += prompt;
}

}  // namespace strata
