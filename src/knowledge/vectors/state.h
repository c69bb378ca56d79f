// Inside VectorIndex: slots, which rows and nodes are in, and how they come to be used again.
//
// A slot is live (it has an id); then dead: nothing finds it, searches may still walk over it; then, when every list of
// the graph has been looked through since it died and no search is left from before that, free: its row is zero.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "knowledge/vectors/grace_period.h"
#include "knowledge/vectors/graph.h"
#include "knowledge/vectors/growing_array.h"
#include "knowledge/vectors/index.h"
#include "knowledge/vectors/row_store.h"

namespace strata::knowledge {

struct VectorIndex::State {
  explicit State(const VectorOptions& given)
      : options(given), rows(given.dimensions, given.storage), graph(rows, given.m, given.ef_construction) {}

  VectorOptions options;
  RowStore rows;
  Graph graph;
  GrowingNumbers<ChunkId> ids;            ///< of slots; 0: not live
  GrowingNumbers<std::uint32_t> slot_of;  ///< of ids, plus one; 0: none
  Sequence sequence = 0;

  // Readers see slots below `slots`; searches by the graph are whole when `linked` has come as far.
  std::atomic<std::uint32_t> slots = 0, linked = 0, live = 0;
  mutable GracePeriod grace;

  // The writer's.
  mutable std::mutex write_mutex;
  std::vector<std::uint32_t> dying;    ///< since the sweep began
  std::vector<std::uint32_t> swept;    ///< nothing leads to them
  std::vector<std::uint32_t> passing;  ///< as swept; searches from before may be left
  std::vector<std::uint32_t> waiting;  ///< dead before the sweep began
  std::vector<std::uint32_t> free;
  std::uint32_t sweep_at = 0;
  std::atomic<std::uint32_t> dead = 0;  ///< whose rows are not zero yet

  std::optional<std::uint32_t> SlotOf(ChunkId id) const {
    const std::uint32_t slot = slot_of.Has(id) ? slot_of.Load(id) : 0;
    return slot == 0 ? std::nullopt : std::optional(slot - 1);
  }
  void SetSlot(ChunkId id, std::uint32_t slot) {
    slot_of.Reserve(id);
    slot_of.Store(id, slot + 1);
  }
  Accept Live() const { return {ids}; }
  void Add(ChunkId id, std::span<const float> vector);
  void Remove(ChunkId id);
  void LinkSome(std::uint32_t most);
  void SweepSome(std::uint32_t most);  ///< of the slots
  void Reclaim();
  void SweepAll();  ///< until nothing leads to what is dead now
  /// Until nothing leads to what is dead now, locking in between: others may change the index meanwhile.
  void SweepInSlices();

  void Rescore(const RowStore::Query& query, std::span<ScoredSlot> found) const;  ///< as exactly as the storage is
  Ranking SearchExactly(const RowStore::Query& query, std::size_t k, const Bitmap* allowed) const;
};

}  // namespace strata::knowledge
