#include "knowledge/vectors/index.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <thread>

#include "knowledge/top.h"
#include "knowledge/vectors/state.h"

namespace strata::knowledge {
namespace {

// Slots that are linked with each addition once there are enough for a graph, so that none has to wait for all.
constexpr std::uint32_t kLinksAnAddition = 4;

// Slots that each change looks through for dead neighbours: in the long run two in so many are dead.
constexpr std::uint32_t kSweepAChange = 32;
// ... and when there is time: some ten milliseconds at worst.
constexpr std::uint32_t kSweepAtOnce = 4096;

// A search by the graph scores about so many nodes for each candidate that it keeps, and scoring a node there costs as
// much as two in a scan, which reads ahead; so a filter that lets few through is better served by scanning those.
constexpr double kScoredACandidate = 20;
constexpr double kScanGain = 2;

}  // namespace

void VectorIndex::State::Add(ChunkId id, std::span<const float> vector) {
  assert(id != 0 && vector.size() == static_cast<std::size_t>(options.dimensions));
  Remove(id);
  Reclaim();
  std::uint32_t slot = slots.load(std::memory_order_relaxed);
  const bool fresh = free.empty();
  if (!fresh) {
    slot = free.back();
    free.pop_back();
  }
  rows.Reserve(slot);
  ids.Reserve(slot);
  graph.Reserve(slot);
  rows.Set(slot, vector);
  // While there is no whole graph, a slot waits for LinkSome to come to it.
  const std::uint32_t next = linked.load(std::memory_order_relaxed);
  const bool link_now = next > 0 && (slot < next || (fresh && slot == next));
  ids.Store(slot, id);
  if (link_now) graph.Insert(slot, Live());
  if (fresh) {
    if (link_now) linked.store(slot + 1, std::memory_order_release);
    slots.store(slot + 1, std::memory_order_release);
  }
  SetSlot(id, slot);
  live.fetch_add(1);
  if (linked.load(std::memory_order_relaxed) > 0 || live.load() >= options.exact_below) LinkSome(kLinksAnAddition);
  SweepSome(kSweepAChange);
}

void VectorIndex::State::LinkSome(std::uint32_t most) {
  std::uint32_t slot = linked.load(std::memory_order_relaxed);
  for (const std::uint32_t end = slots.load(std::memory_order_relaxed); slot < end && most > 0; ++slot, --most) {
    if (ids.Load(slot) != 0) graph.Insert(slot, Live());
    linked.store(slot + 1, std::memory_order_release);
  }
}

void VectorIndex::State::Remove(ChunkId id) {
  const std::optional<std::uint32_t> slot = SlotOf(id);
  if (!slot) return;
  ids.Store(*slot, 0);
  dying.push_back(*slot);
  slot_of.Store(id, 0);
  live.fetch_sub(1);
  dead.fetch_add(1);
  SweepSome(kSweepAChange);
}

void VectorIndex::State::SweepSome(std::uint32_t most) {
  if (dying.empty() && waiting.empty()) return;
  if (waiting.empty()) {
    waiting.swap(dying);
    sweep_at = 0;
  }
  const std::uint32_t end = linked.load(std::memory_order_relaxed);
  for (; sweep_at < end && most > 0; ++sweep_at, --most) graph.Repair(sweep_at, Live());
  if (sweep_at < end) return;
  if (std::ranges::any_of(waiting, [&](std::uint32_t slot) { return graph.IsEntry(slot); })) {
    graph.MoveEntry(end, Live());
  }
  swept.insert(swept.end(), waiting.begin(), waiting.end());
  waiting.clear();
  Reclaim();
}

// Two calls at least: the first starts a grace period, a later one finds that it passed.
void VectorIndex::State::Reclaim() {
  if (!grace.Passed()) return;
  for (const std::uint32_t slot : passing) {
    rows.Clear(slot);
    graph.Forget(slot);
    free.push_back(slot);
  }
  dead.fetch_sub(static_cast<std::uint32_t>(passing.size()));
  passing.clear();
  if (swept.empty()) return;
  passing.swap(swept);
  grace.Start();
}

void VectorIndex::State::SweepAll() {
  while (!dying.empty() || !waiting.empty()) SweepSome(~std::uint32_t{0});
  while (!swept.empty() || !passing.empty()) {
    Reclaim();
    if (!grace.Passed()) std::this_thread::yield();  // a search takes milliseconds
  }
}

void VectorIndex::State::SweepInSlices() {
  // Twice over all slots: for what waits, and for what died since that sweep began.
  for (std::uint32_t left = 2 * (slots.load() / kSweepAtOnce + 1); left > 0; --left) {
    const std::scoped_lock lock(write_mutex);
    if (dying.empty() && waiting.empty()) return;
    SweepSome(kSweepAtOnce);
  }
}

Ranking VectorIndex::State::SearchExactly(const RowStore::Query& query, std::size_t k, const Bitmap* allowed) const {
  constexpr std::size_t kBatch = 64;
  Top top(k);
  std::uint32_t batch[kBatch];
  ChunkId batch_ids[kBatch];
  float scores[kBatch];
  std::size_t count = 0;
  const auto flush = [&] {
    rows.ScoreExactly(query, {batch, count}, scores);
    for (std::size_t i = 0; i < count; ++i) {
      if (top.MayTake(scores[i])) top.Take({batch_ids[i], scores[i]});
    }
    count = 0;
  };
  const auto take = [&](ChunkId id, std::uint32_t slot) {
    batch[count] = slot;
    batch_ids[count++] = id;
    if (count == kBatch) flush();
  };
  if (allowed != nullptr) {
    allowed->ForEach([&](ChunkId id) {
      const std::optional<std::uint32_t> slot = SlotOf(id);
      if (slot && ids.Load(*slot) == id) take(id, *slot);
    });
  } else {
    const std::uint32_t end = slots.load(std::memory_order_acquire);
    for (std::uint32_t slot = 0; slot < end; ++slot) {
      const ChunkId id = ids.Load(slot);
      if (id != 0) take(id, slot);
    }
  }
  flush();
  return std::move(top).Sorted();
}

void VectorIndex::State::Rescore(const RowStore::Query& query, std::span<ScoredSlot> found) const {
  std::vector<std::uint32_t> slot_list;
  for (const ScoredSlot& slot : found) slot_list.push_back(slot.slot);
  std::vector<float> scores(found.size());
  rows.ScoreExactly(query, slot_list, scores.data());
  for (std::size_t i = 0; i < found.size(); ++i) found[i].score = scores[i];
}

VectorIndex::VectorIndex(VectorOptions options) : state_(std::make_unique<State>(options)) {}
VectorIndex::~VectorIndex() = default;

Sequence VectorIndex::sequence() const { return state_->sequence; }

void VectorIndex::Add(ChunkId id, std::span<const float> vector) {
  const std::scoped_lock lock(state_->write_mutex);
  state_->Add(id, vector);
}

void VectorIndex::Remove(ChunkId id) {
  const std::scoped_lock lock(state_->write_mutex);
  state_->Remove(id);
}

Ranking VectorIndex::Search(std::span<const float> query, std::size_t k, const Options& options,
                            VectorPlan* plan) const {
  const State& state = *state_;
  const GracePeriod::Reader reader(state.grace);
  RowStore::Query prepared;
  state.rows.SetQuery(query, prepared);
  const auto say = [&](VectorPlan taken) {
    if (plan != nullptr) *plan = taken;
  };
  const std::uint32_t slots = state.slots.load(std::memory_order_acquire);
  const bool has_graph = slots > 0 && state.linked.load(std::memory_order_acquire) >= slots;
  const std::size_t ef = std::max(static_cast<std::size_t>(std::max(1, options.ef)), k);
  // With a filter, nodes that the graph would look at, of which only those allowed count, against a scan of these.
  bool by_graph = has_graph && k > 0;
  std::size_t most_scored = std::numeric_limits<std::size_t>::max();
  if (options.allowed != nullptr) {
    const double all = state.live.load();
    const double candidates = std::min(all, static_cast<double>(options.allowed->Count()));
    const double scored = kScoredACandidate * static_cast<double>(ef) * all / std::max(1.0, candidates);
    most_scored = static_cast<std::size_t>(candidates / kScanGain);
    by_graph = by_graph && scored <= static_cast<double>(most_scored);
  }
  if (by_graph) {
    Graph::Found found = state.graph.Search(prepared, ef, {state.ids, options.allowed}, most_scored);
    // Where the allowed are far from the query, walking on costs more than a scan.
    if (!found.gave_up) {
      say(options.allowed == nullptr ? VectorPlan::kGraph : VectorPlan::kGraphFiltered);
      if (state.rows.has_bytes()) state.Rescore(prepared, found.slots);
      Top top(k);
      for (const ScoredSlot& slot : found.slots) {
        const ChunkId id = state.ids.Load(slot.slot);
        if (id != 0) top.Take({id, slot.score});
      }
      return std::move(top).Sorted();
    }
  }
  say(options.allowed == nullptr ? VectorPlan::kExact : VectorPlan::kExactFiltered);
  return state.SearchExactly(prepared, k, options.allowed);
}

bool VectorIndex::Has(ChunkId id) const {
  const std::scoped_lock lock(state_->write_mutex);
  return state_->SlotOf(id).has_value();
}

std::size_t VectorIndex::size() const { return state_->live.load(); }

double VectorIndex::waste() const {
  const double dead = state_->dead.load(), live = state_->live.load();
  return dead == 0 ? 0 : dead / (dead + live);
}

void VectorIndex::CompactSome() {
  const std::scoped_lock lock(state_->write_mutex);
  state_->SweepSome(kSweepAtOnce);
  state_->Reclaim();
}

void VectorIndex::Compact() {
  const std::scoped_lock lock(state_->write_mutex);
  state_->SweepAll();
}

}  // namespace strata::knowledge
