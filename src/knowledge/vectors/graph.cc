#include "knowledge/vectors/graph.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::knowledge {
namespace {

constexpr std::uint64_t kNoEntry = ~std::uint64_t{0};
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kMostNeighbours = 512;

std::uint64_t EntryOf(int level, std::uint32_t slot) { return static_cast<std::uint64_t>(level) << 32 | slot; }
int LevelOf(std::uint64_t entry) { return static_cast<int>(entry >> 32); }
std::uint32_t SlotOf(std::uint64_t entry) { return static_cast<std::uint32_t>(entry); }

bool IsBetter(const ScoredSlot& a, const ScoredSlot& b) {
  return a.score != b.score ? a.score > b.score : a.slot < b.slot;
}
bool IsWorse(const ScoredSlot& a, const ScoredSlot& b) { return IsBetter(b, a); }

std::uint32_t LoadNumber(std::uint32_t* at, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref<std::uint32_t>(*at).load(order);
}
void StoreNumber(std::uint32_t* at, std::uint32_t value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref<std::uint32_t>(*at).store(value, order);
}

}  // namespace

// Which nodes a search has come to: bits, of which only those that were set are cleared afterwards.
class Graph::Visited {
 public:
  bool Mark(std::uint32_t slot) {
    const std::size_t word = slot / 64;
    if (word >= bits_.size()) bits_.resize(std::max(word + 1, bits_.size() * 2));
    const std::uint64_t bit = std::uint64_t{1} << slot % 64;
    if ((bits_[word] & bit) != 0) return false;
    if (bits_[word] == 0) touched_.push_back(static_cast<std::uint32_t>(word));
    bits_[word] |= bit;
    return true;
  }
  void Clear() {
    for (const std::uint32_t word : touched_) bits_[word] = 0;
    touched_.clear();
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> touched_;
};

// One of the idle ones, for the time of a search.
class Graph::Borrowed {
 public:
  explicit Borrowed(const Graph& graph) : graph_(graph) {
    const std::scoped_lock lock(graph_.idle_mutex_);
    if (graph_.idle_.empty()) {
      visited_ = std::make_unique<Visited>();
    } else {
      visited_ = std::move(graph_.idle_.back());
      graph_.idle_.pop_back();
    }
  }
  ~Borrowed() {
    visited_->Clear();
    const std::scoped_lock lock(graph_.idle_mutex_);
    graph_.idle_.push_back(std::move(visited_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Visited* operator->() const { return visited_.get(); }

 private:
  const Graph& graph_;
  std::unique_ptr<Visited> visited_;
};

Graph::Graph(const RowStore& rows, int m, int ef_construction)
    : rows_(rows),
      m_(static_cast<std::size_t>(std::clamp(m, 2, static_cast<int>(kMostNeighbours / 2)))),
      ef_construction_(static_cast<std::size_t>(std::max(ef_construction, m))),
      bottom_((1 + 2 * m_) * sizeof(std::uint32_t)),
      entry_(kNoEntry) {}

Graph::~Graph() = default;

void Graph::Reserve(std::uint32_t slot) {
  bottom_.Reserve(slot);
  upper_.Reserve(slot);
  levels_.Reserve(slot);
}

std::uint32_t* Graph::List(std::uint32_t slot, int level) const {
  if (level == 0) return reinterpret_cast<std::uint32_t*>(bottom_[slot]);
  return upper_.Load(slot) + static_cast<std::size_t>(level - 1) * ListSize(1);
}

void Graph::PrefetchList(std::uint32_t slot, int level) const {
  const std::uint32_t* list = List(slot, level);
  for (std::size_t i = 0; i < ListSize(level); i += 64 / sizeof(*list)) __builtin_prefetch(list + i);
}

std::size_t Graph::ReadList(std::uint32_t slot, int level, std::uint32_t* out) const {
  std::uint32_t* list = List(slot, level);
  const std::size_t count = LoadNumber(list, std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) out[i] = LoadNumber(list + 1 + i);
  return count;
}

std::vector<std::uint32_t> Graph::Neighbours(std::uint32_t slot, int level) const {
  std::vector<std::uint32_t> neighbours(ListSize(level) - 1);
  neighbours.resize(ReadList(slot, level, neighbours.data()));
  return neighbours;
}

void Graph::SetNeighbours(std::uint32_t slot, int level, std::span<const std::uint32_t> neighbours) {
  std::uint32_t* list = List(slot, level);
  for (std::size_t i = 0; i < neighbours.size(); ++i) StoreNumber(list + 1 + i, neighbours[i]);
  StoreNumber(list, static_cast<std::uint32_t>(neighbours.size()), std::memory_order_release);
}

void Graph::Restore(std::uint32_t slot, int level) {
  if (level > 0) {
    upper_memory_.push_back(std::make_unique<std::uint32_t[]>(static_cast<std::size_t>(level) * ListSize(1)));
    upper_.Store(slot, upper_memory_.back().get());
  }
  levels_.Store(slot, static_cast<std::uint8_t>(level + 1));
}

void Graph::RestoreEntry(std::uint32_t slot) {
  entry_.store(slot == kNone ? kNoEntry : EntryOf(Level(slot), slot), std::memory_order_release);
}

std::vector<ScoredSlot> Graph::ScoreAll(std::uint32_t slot, std::span<const std::uint32_t> others) const {
  Query query;
  rows_.SetQuery(slot, query);
  std::vector<float> scores(others.size());
  rows_.Score(query, others, scores.data());
  std::vector<ScoredSlot> scored;
  scored.reserve(others.size());
  for (std::size_t i = 0; i < others.size(); ++i) scored.push_back({scores[i], others[i]});
  std::ranges::sort(scored, IsBetter);
  return scored;
}

// To the nearest of each level, from `from_level` down to the one above `to_level`.
ScoredSlot Graph::Descend(const Query& query, ScoredSlot from, int from_level, int to_level) const {
  std::uint32_t neighbours[kMostNeighbours];
  float scores[kMostNeighbours];
  for (int level = from_level; level > to_level; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const std::size_t count = ReadList(from.slot, level, neighbours);
      rows_.Score(query, {neighbours, count}, scores);
      for (std::size_t i = 0; i < count; ++i) {
        if (scores[i] <= from.score) continue;
        from = {scores[i], neighbours[i]};
        moved = true;
      }
    }
  }
  return from;
}

// Algorithm 2 of the paper.
Graph::Found Graph::SearchLevel(const Query& query, std::span<const ScoredSlot> from, std::size_t ef, int level,
                                const Accept& accept, std::size_t most_scored) const {
  const Borrowed visited(*this);
  std::vector<ScoredSlot> open;   // the best in front
  std::vector<ScoredSlot> found;  // the worst in front
  open.reserve(4 * ef);
  found.reserve(ef + 1);
  const auto come_to = [&](const ScoredSlot& node) {
    if (found.size() >= ef && node.score <= found.front().score) return;
    open.push_back(node);
    std::ranges::push_heap(open, IsWorse);
    if (!accept(node.slot)) return;
    found.push_back(node);
    std::ranges::push_heap(found, IsBetter);
    if (found.size() <= ef) return;
    std::ranges::pop_heap(found, IsBetter);
    found.pop_back();
  };
  for (const ScoredSlot& node : from) {
    if (visited->Mark(node.slot)) come_to(node);
  }
  std::uint32_t neighbours[kMostNeighbours];
  float scores[kMostNeighbours];
  for (std::size_t scored = 0; !open.empty();) {
    const ScoredSlot node = open.front();
    if (found.size() >= ef && node.score < found.front().score) break;
    std::ranges::pop_heap(open, IsWorse);
    open.pop_back();
    // Mostly the next one to come to: its list is here when it does.
    if (!open.empty()) PrefetchList(open.front().slot, level);
    std::size_t count = ReadList(node.slot, level, neighbours);
    count = static_cast<std::size_t>(
        std::remove_if(neighbours, neighbours + count, [&](std::uint32_t slot) { return !visited->Mark(slot); }) -
        neighbours);
    scored += count;
    if (scored > most_scored) return {{}, true};
    rows_.Score(query, {neighbours, count}, scores);
    for (std::size_t i = 0; i < count; ++i) come_to({scores[i], neighbours[i]});
  }
  std::ranges::sort_heap(found, IsBetter);
  return {std::move(found), false};
}

Graph::Found Graph::Search(const Query& query, std::size_t ef, const Accept& accept, std::size_t most_scored) const {
  const std::uint64_t entry = entry_.load(std::memory_order_acquire);
  if (entry == kNoEntry) return {};
  ScoredSlot from{0, SlotOf(entry)};
  rows_.Score(query, {&from.slot, 1}, &from.score);
  from = Descend(query, from, LevelOf(entry), 0);
  return SearchLevel(query, {&from, 1}, ef, 0, accept, most_scored);
}

// Algorithm 4: a candidate that is nearer to one that was taken than to the node itself is reached by way of that one.
// Places that are left go to the best of those (keepPrunedConnections).
std::vector<std::uint32_t> Graph::Select(std::span<const ScoredSlot> candidates, std::size_t most) const {
  std::vector<std::uint32_t> taken, pruned;
  Query query;
  float scores[kMostNeighbours];
  for (const ScoredSlot& candidate : candidates) {
    if (taken.size() == most) break;
    rows_.SetQuery(candidate.slot, query);
    bool apart = true;
    // A few at a time: mostly one of the first is near.
    constexpr std::size_t kStep = 4;
    for (std::size_t i = 0; apart && i < taken.size(); i += kStep) {
      const std::span<const std::uint32_t> some(taken.data() + i, std::min(kStep, taken.size() - i));
      rows_.Score(query, some, scores);
      apart = std::all_of(scores, scores + some.size(), [&](float score) { return score <= candidate.score; });
    }
    (apart ? taken : pruned).push_back(candidate.slot);
  }
  for (std::size_t i = 0; i < pruned.size() && taken.size() < most; ++i) taken.push_back(pruned[i]);
  return taken;
}

void Graph::Join(std::uint32_t slot, std::uint32_t neighbour, int level) {
  std::vector<std::uint32_t> others = Neighbours(slot, level);
  if (std::ranges::find(others, neighbour) != others.end()) return;
  others.push_back(neighbour);
  if (others.size() > ListSize(level) - 1) others = Select(ScoreAll(slot, others), ListSize(level) - 1);
  SetNeighbours(slot, level, others);
}

// Algorithm 1.
void Graph::Insert(std::uint32_t slot, const Accept& live) {
  const double uniform = (static_cast<double>(random_()) + 0.5) / static_cast<double>(std::minstd_rand::max());
  const int level = std::min(kMaxLevel, static_cast<int>(-std::log(uniform) / std::log(static_cast<double>(m_))));
  Restore(slot, level);
  for (int at = 0; at <= level; ++at) SetNeighbours(slot, at, {});
  const std::uint64_t entry = entry_.load(std::memory_order_relaxed);
  if (entry == kNoEntry) return RestoreEntry(slot);
  Query query;
  rows_.SetQuery(slot, query);
  std::vector<ScoredSlot> from = {{0, SlotOf(entry)}};
  rows_.Score(query, {&from[0].slot, 1}, &from[0].score);
  from[0] = Descend(query, from[0], LevelOf(entry), level);
  std::vector<std::vector<std::uint32_t>> neighbours(static_cast<std::size_t>(std::min(level, LevelOf(entry)) + 1));
  for (int at = static_cast<int>(neighbours.size()) - 1; at >= 0; --at) {
    Found found = SearchLevel(query, from, ef_construction_, at, live, kUnlimited);
    std::erase_if(found.slots, [&](const ScoredSlot& other) { return other.slot == slot; });
    neighbours[static_cast<std::size_t>(at)] = Select(found.slots, m_);
    SetNeighbours(slot, at, neighbours[static_cast<std::size_t>(at)]);
    if (!found.slots.empty()) from = std::move(found.slots);
  }
  // Its own lists are whole before anything leads to it.
  for (std::size_t at = 0; at < neighbours.size(); ++at) {
    for (const std::uint32_t other : neighbours[at]) Join(other, slot, static_cast<int>(at));
  }
  if (level > LevelOf(entry)) RestoreEntry(slot);
}

void Graph::Repair(std::uint32_t slot, const Accept& live) {
  for (int level = 0; level <= Level(slot); ++level) {
    const std::vector<std::uint32_t> before = Neighbours(slot, level);
    if (std::ranges::all_of(before, live)) continue;
    std::vector<std::uint32_t> candidates;
    for (const std::uint32_t neighbour : before) {
      if (live(neighbour)) {
        candidates.push_back(neighbour);
        continue;
      }
      for (const std::uint32_t beyond : Neighbours(neighbour, level)) {
        if (beyond != slot && live(beyond)) candidates.push_back(beyond);
      }
    }
    std::ranges::sort(candidates);
    candidates.erase(std::ranges::unique(candidates).begin(), candidates.end());
    const std::vector<std::uint32_t> after = Select(ScoreAll(slot, candidates), ListSize(level) - 1);
    SetNeighbours(slot, level, after);
    // What was led to from the dead one alone would be lost: new neighbours lead back.
    if (!live(slot)) continue;
    for (const std::uint32_t neighbour : after) {
      if (std::ranges::find(before, neighbour) == before.end()) Join(neighbour, slot, level);
    }
  }
}

void Graph::Forget(std::uint32_t slot) { levels_.Store(slot, 0); }

bool Graph::IsEntry(std::uint32_t slot) const {
  const std::uint64_t entry = entry_.load(std::memory_order_relaxed);
  return entry != kNoEntry && SlotOf(entry) == slot;
}

void Graph::MoveEntry(std::uint32_t slots, const Accept& live) {
  std::uint32_t best = kNone;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    if (Level(slot) < 0 || !live(slot)) continue;
    if (best == kNone || Level(slot) > Level(best)) best = slot;
  }
  RestoreEntry(best);
}

}  // namespace strata::knowledge
