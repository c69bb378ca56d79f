// The graph of HNSW (Malkov and Yashunin 2018). One writer; searches beside it read lists of neighbours while they are
// changed: they may see a mixture of the old and the new one, of which every member is a node.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <vector>

#include "knowledge/vectors/growing_array.h"
#include "knowledge/vectors/row_store.h"

namespace strata::knowledge {

struct ScoredSlot {
  float score = 0;
  std::uint32_t slot = 0;
};

/// Whether a node may be found; every node may be walked over.
struct Accept {
  const GrowingNumbers<ChunkId>& ids;  ///< of slots; 0: dead
  const Bitmap* allowed = nullptr;
  bool operator()(std::uint32_t slot) const {
    const ChunkId id = ids.Load(slot);
    return id != 0 && (allowed == nullptr || allowed->Has(id));
  }
};

class Graph {
 public:
  using Query = RowStore::Query;
  Graph(const RowStore& rows, int m, int ef_construction);
  ~Graph();

  void Reserve(std::uint32_t slot);
  /// Joins a slot to those that `live` accepts.
  void Insert(std::uint32_t slot, const Accept& live);

  /// The best `ef` of those accepted, best first. Nothing when more than `most_scored` nodes were looked at.
  struct Found {
    std::vector<ScoredSlot> slots;
    bool gave_up = false;
  };
  Found Search(const Query& query, std::size_t ef, const Accept& accept, std::size_t most_scored) const;

  /// Lists of the node that have dead neighbours get others instead, from those that these had.
  void Repair(std::uint32_t slot, const Accept& live);
  /// Nothing leads to it any more.
  void Forget(std::uint32_t slot);
  /// Where searches begin must not be dead when its slot is taken; `slots`: those that may be in the graph.
  void MoveEntry(std::uint32_t slots, const Accept& live);
  bool IsEntry(std::uint32_t slot) const;

  // For files. Lists: count, then places for neighbours.
  static constexpr int kMaxLevel = 31;
  std::size_t ListSize(int level) const { return 1 + (level == 0 ? 2 * m_ : m_); }
  int Level(std::uint32_t slot) const { return levels_.Load(slot) - 1; }  ///< -1: not in the graph
  std::vector<std::uint32_t> Neighbours(std::uint32_t slot, int level) const;
  void Restore(std::uint32_t slot, int level);
  void SetNeighbours(std::uint32_t slot, int level, std::span<const std::uint32_t> neighbours);
  void RestoreEntry(std::uint32_t slot);
  std::uint32_t entry() const { return static_cast<std::uint32_t>(entry_.load(std::memory_order_acquire)); }
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

 private:
  class Visited;
  class Borrowed;

  std::uint32_t* List(std::uint32_t slot, int level) const;
  std::size_t ReadList(std::uint32_t slot, int level, std::uint32_t* out) const;
  void PrefetchList(std::uint32_t slot, int level) const;
  ScoredSlot Descend(const Query& query, ScoredSlot from, int from_level, int to_level) const;
  Found SearchLevel(const Query& query, std::span<const ScoredSlot> from, std::size_t ef, int level,
                    const Accept& accept, std::size_t most_scored) const;
  std::vector<std::uint32_t> Select(std::span<const ScoredSlot> candidates, std::size_t most) const;
  void Join(std::uint32_t slot, std::uint32_t neighbour, int level);
  std::vector<ScoredSlot> ScoreAll(std::uint32_t slot, std::span<const std::uint32_t> others) const;

  const RowStore& rows_;
  std::size_t m_, ef_construction_;
  std::minstd_rand random_;
  GrowingArray bottom_;                   ///< lists of level 0
  GrowingNumbers<std::uint32_t*> upper_;  ///< lists of levels 1 and up, one behind the other
  GrowingNumbers<std::uint8_t> levels_;   ///< plus one
  std::vector<std::unique_ptr<std::uint32_t[]>> upper_memory_;
  std::atomic<std::uint64_t> entry_;  ///< level, slot
  mutable std::mutex idle_mutex_;
  mutable std::vector<std::unique_ptr<Visited>> idle_;
};

}  // namespace strata::knowledge
