// One step of the engine: look at all sequences, let the scheduler decide, apply, run, accept.
#include <algorithm>

#include "base/clock.h"
#include "engine/engine_state.h"
#include "engine/speculation.h"

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

/// What both have in common; the rest is of the KV.
SequenceView ViewOf(const Sequence& sequence) {
  SequenceView view;
  view.id = sequence.id;
  view.priority = sequence.request.priority;
  view.tenant = sequence.request.tenant;
  view.arrived = sequence.times.queued;
  view.prompt = sequence.prompt;
  view.length = sequence.length();
  return view;
}

SequenceView ViewOfRunning(Sequence& sequence) {
  SequenceView view = ViewOf(sequence);
  view.computed = sequence.computed;
  view.blocks = sequence.kv.blocks();
  view.shared = sequence.kv.SharedBlocks();
  view.drafts = static_cast<std::int64_t>(sequence.drafts.size());
  if (sequence.reusable() > 0) view.next_block = sequence.kv.NextBlock(sequence.tokens, sequence.computed);
  return view;
}

SequenceView ViewOfWaiting(Sequence& sequence) {
  SequenceView view = ViewOf(sequence);
  const SequenceKv::Reusable cached = sequence.kv.Look(sequence.tokens, sequence.reusable());
  view.computed = cached.tokens;
  view.blocks = cached.held_blocks;
  if (sequence.reusable() > 0) view.next_block = sequence.kv.NextBlock(sequence.tokens, cached.tokens);
  return view;
}

}  // namespace

/// What the runner computes in a step, and for whom: slices[i] is of members[i].
struct Engine::State::Batch {
  std::vector<SequenceSlice> slices;
  std::vector<Sequence*> members;

  /// Those whose next sample a grammar limits.
  std::vector<Sequence*> Constrained() const {
    std::vector<Sequence*> constrained;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i]->matcher && slices[i].logits != WantLogits::kNone) constrained.push_back(members[i]);
    }
    return constrained;
  }
};

void Engine::State::Look() {
  view.now = MonotonicSeconds();
  drafting_seconds = 0;
  view.cost = cost.cost();
  view.virtual_time = ledger.virtual_time();
  view.running.clear();
  view.waiting.clear();
  for (const auto& sequence : running) {
    if (sequence->computed < sequence->reusable()) Reuse(*sequence);  // what another has computed since
  }
  Propose();
  for (const auto& sequence : running) view.running.push_back(ViewOfRunning(*sequence));
  for (const auto& sequence : waiting) view.waiting.push_back(ViewOfWaiting(*sequence));
  view.free_blocks = cache.free_blocks();
}

/// Drafts for the sequences that decode, as many as make the step's tokens cheaper.
void Engine::State::Propose() {
  if (options.max_draft_tokens == 0) return;
  std::vector<Sequence*> decoding;
  std::vector<const Draft*> proposed;
  StepWork work;
  for (const auto& sequence : running) {
    sequence->drafts.clear();
    if (sequence->length() - sequence->computed != 1 || sequence->phase() == Phase::kPrefill) continue;
    work.AddDecode(sequence->computed, 1);
    decoding.push_back(sequence.get());
    sequence->drafter->Observe(sequence->tokens, sequence->prompt);
    // The last token of an answer needs no row of its own.
    const std::int64_t most = std::min(TokensLeft(*sequence) - 1, options.max_draft_tokens);
    sequence->forced = ForcedDraft(*sequence, tokenizer.get(), most);
    proposed.push_back(&Surer(sequence->forced, sequence->drafter->Propose(sequence->tokens, most)));
    sequence->modelled = {};
    if (sequence->forced.tokens.empty() && most > 0 && TakesGuess(*sequence, *proposed.back())) {
      sequence->modelled = {{sequence->guess.token}, {draft_module->chance()}};
      proposed.back() = &sequence->modelled;
    }
  }
  if (decoding.empty()) return;
  if (draft_model) {
    ProposeByModel(decoding, proposed, work);
    for (std::size_t i = 0; i < decoding.size(); ++i) {
      if (!decoding[i]->modelled.tokens.empty()) proposed[i] = &decoding[i]->modelled;
    }
  }
  std::vector<std::span<const float>> chances;
  chances.reserve(proposed.size());
  for (const Draft* draft : proposed) chances.emplace_back(draft->chances);
  const auto tokens = static_cast<std::int64_t>(decoding.size());
  const std::int64_t at_once = view.cost.rows_at_once;
  StepWork longer = work;
  for (std::int64_t row = 0; row < at_once; ++row) longer.AddDecode(decoding.front()->computed, 1);
  // Until steps were measured: rows of a small step cost a good part of reading the weights.
  const double seconds = view.cost.known ? view.cost.Seconds(work) : 1;
  const double row = view.cost.known ? (view.cost.Seconds(longer) - seconds) / static_cast<double>(at_once)
                                     : 0.3 / static_cast<double>(tokens);
  const std::int64_t room = options.scheduler.max_step_tokens - tokens;
  const std::vector<std::int64_t> counts =
      ChooseDrafts(chances, {static_cast<double>(tokens), seconds, row, work.rows, at_once}, room);
  for (std::size_t i = 0; i < decoding.size(); ++i) {
    const std::vector<TokenId>& draft = proposed[i]->tokens;
    decoding[i]->drafts.assign(draft.begin(), draft.begin() + counts[i]);
  }
}

/// Whether the module's guess is a better proposal than the text's.
bool Engine::State::TakesGuess(const Sequence& sequence, const Draft& draft) const {
  if (!draft_module || sequence.guess.place != sequence.length()) return false;
  return draft.tokens.empty() ||
         (draft.tokens.front() != sequence.guess.token && draft.chances.front() < draft_module->chance());
}

/// What stays of the step, drafts that were right among it.
void Engine::State::ReadByModule(const Batch& batch) {
  std::vector<DraftModule::Reader> readers;
  for (std::size_t i = 0; i < batch.members.size(); ++i) {
    Sequence& sequence = *batch.members[i];
    const std::int64_t start = batch.slices[i].start;
    if (sequence.finished() || sequence.computed <= start) continue;
    const bool decodes = sequence.phase() == Phase::kDecode && sequence.length() - sequence.computed == 1;
    readers.push_back({i, start, sequence.computed, sequence.tokens, sequence.kv.table(), decodes, &sequence.guess});
  }
  if (draft_module->Read(readers)) return;
  for (const DraftModule::Reader& reader : readers) *reader.guess = {};  // all goes on as it would have without
}

/// Where nothing else was proposed.
void Engine::State::ProposeByModel(std::span<Sequence* const> decoding, std::span<const Draft* const> proposed,
                                   const StepWork& work) {
  const std::int64_t depth = draft_model->ChooseDepth(view.cost, work, options.max_draft_tokens);
  if (depth == 0) return;
  std::vector<DraftModel::Client> clients;
  std::vector<Sequence*> owners;
  for (std::size_t i = 0; i < decoding.size(); ++i) {
    Sequence& sequence = *decoding[i];
    if (!proposed[i]->tokens.empty()) continue;
    clients.push_back({.reader = &*sequence.draft_reader,
                       .tokens = sequence.tokens,
                       .prompt = sequence.prompt,
                       .most = std::min(depth, TokensLeft(sequence) - 1)});
    owners.push_back(&sequence);
  }
  const double begin = MonotonicSeconds();
  const Status drafted = draft_model->Propose(clients, depth);
  drafting_seconds = MonotonicSeconds() - begin;
  if (!drafted) return;  // what it wrote until it failed is of no use
  for (std::size_t i = 0; i < owners.size(); ++i) owners[i]->modelled = std::move(clients[i].draft);
}

/// Takes from the prefix cache what it has of the sequence. Nobody is charged for that.
void Engine::State::Reuse(Sequence& sequence) {
  const std::int64_t computed = sequence.kv.Reuse(sequence.tokens, sequence.computed, sequence.reusable());
  // What it had computed itself before it was preempted is not a hit.
  const std::int64_t before = std::max(sequence.computed, sequence.charged);
  if (computed > before && sequence.outputs() == 0) {
    sequence.cached += computed - before;
    const std::lock_guard lock(mutex);
    stats.prefix_hits += computed - before;
  }
  sequence.computed = computed;
  sequence.charged = std::max(sequence.charged, computed);
}

/// Gives up the KV of a sequence: it is computed again later and goes on as if nothing had happened.
void Engine::State::Preempt(RequestId id) {
  const auto place = Find(running, id);
  std::unique_ptr<Sequence> victim = std::move(*place);
  running.erase(place);
  victim->kv.Release();
  if (victim->draft_reader) victim->draft_reader->Release();
  victim->computed = 0;
  victim->drafts.clear();
  victim->guess = {};
  const auto younger = std::ranges::find_if(waiting, [&](const auto& other) { return other->id > id; });
  waiting.insert(younger, std::move(victim));
  const std::lock_guard lock(mutex);
  ++stats.preemptions;
}

void Engine::State::Admit(RequestId id) {
  const auto place = Find(waiting, id);
  Sequence& sequence = **place;
  Reuse(sequence);
  if (sequence.times.scheduled == 0) {
    sequence.times.scheduled = MonotonicSeconds();
    const std::lock_guard lock(mutex);
    stats.prefix_queries += sequence.prompt;
  }
  running.push_back(std::move(*place));
  waiting.erase(place);
}

Engine::State::Batch Engine::State::BuildBatch(const StepDecision& decision) {
  Batch batch;
  const auto index = IndexOf(running);
  // Each sequence may have logits for one row; those that want more share what is left.
  std::int64_t logit_rows = runner->options().max_logit_rows - options.scheduler.max_sequences;
  for (const auto& [id, tokens] : decision.slices) {
    Sequence& sequence = *std::ranges::lower_bound(index, id, {}, &std::pair<RequestId, Sequence*>::first)->second;
    if (sequence.finished()) continue;
    // The cache may have given more since the decision.
    const std::int64_t left = sequence.length() - sequence.computed;
    std::int64_t count = std::min(tokens, sequence.left_of_phase());
    std::int64_t drafts = std::min(tokens - count, static_cast<std::int64_t>(sequence.drafts.size()));
    const bool takes_argmax = sequence.TakesArgmax();
    if (sequence.WantsPromptLogprobs()) {
      count = std::min(count, 1 + logit_rows);
      logit_rows -= count - 1;
    } else if (!takes_argmax) {
      drafts = std::min(drafts, logit_rows);
      logit_rows -= drafts;
    }
    // The scheduler saw room for the drafts; but a guess is never worth an error.
    if (drafts > 0 && !sequence.kv.Reserve(sequence.length() + drafts)) drafts = 0;
    sequence.drafts.resize(static_cast<std::size_t>(drafts));
    const bool all = sequence.WantsPromptLogprobs() || drafts > 0;
    batch.slices.push_back({sequence.Input(count), sequence.computed, sequence.kv.table(),
                            all             ? WantLogits::kAll
                            : count == left ? WantLogits::kLast
                                            : WantLogits::kNone,
                            takes_argmax ? RowResult::kArgmax : RowResult::kLogits, sequence.phase(), sequence.prompt});
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
    if (!sequence->kv.Reserve(
            sequence->length())) {  // not while the scheduler counts right; else nobody else's trouble
      Fail(*sequence, Error(ErrorCode::kInternal, "the scheduler promised KV blocks that are not there"));
    }
  }
  Sweep();
  if (const Batch batch = BuildBatch(decision); !batch.slices.empty()) {
    if (mask_ahead) mask_ahead->Begin(batch.Constrained());
    const Result<LogitsView> logits = runner->Run(batch.slices);
    if (mask_ahead) mask_ahead->Finish();
    if (logits) {
      StepWork work = decision.work;
      AcceptBatch(batch, *logits, work);
      if (draft_module) ReadByModule(batch);
      const double seconds = MonotonicSeconds() - view.now - drafting_seconds;
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
  struct Rows {
    std::int64_t first, wanted, count;
  };
  std::vector<Rows> rows;
  std::int64_t row = 0, prompt = 0;
  for (std::size_t i = 0; i < batch.slices.size(); ++i) {
    const auto count = static_cast<std::int64_t>(batch.slices[i].tokens.size());
    prompt += batch.members[i]->outputs() == 0 ? count : 0;
    rows.push_back({row, batch.slices[i].rows(), count});
    row += rows.back().wanted;
  }
  work.logit_rows = row;
  std::vector<Sampled> sampled(rows.size());
  runner->ForEach(std::ssize(rows), [&](std::int64_t member) {
    const auto i = static_cast<std::size_t>(member);
    sampled[i] = Sample(*batch.members[i], logits, rows[i].first, rows[i].wanted, rows[i].count);
  });
  Accepted accepted;
  for (std::size_t i = 0; i < rows.size(); ++i) Accept(*batch.members[i], std::move(sampled[i]), accepted);
  const std::lock_guard lock(mutex);
  ++stats.steps;
  stats.generated_tokens += accepted.tokens;
  stats.draft_tokens += accepted.drafts;
  stats.accepted_tokens += accepted.drafts_right;
  stats.prompt_tokens += prompt;
}

}  // namespace strata
