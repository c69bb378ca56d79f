// KV blocks that outlive their sequence: a full block stays in the pool under a hash of its tokens and of everything
// before them, and the next sequence that begins the same way takes it in the place of computing it.
//
// The scheme is vLLM's automatic prefix caching (Kwon et al., SOSP 2023; vllm/v1/core/kv_cache_utils.py): a hash chain
// over full blocks, reference counts, and eviction of the block that has been without an owner for longest. A hash only
// finds a candidate; its tokens, its predecessor and its salt are compared, so that a collision costs a miss and never
// gives another text's KV.
//
// Callers use SequenceKv (sequence_kv.h), which keeps one sequence's side of this. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"
#include "runtime/kv_pool.h"

namespace strata {

/// What a cached block is: the tokens whose KV it holds, and the cached block that precedes it.
struct BlockKey {
  std::uint64_t hash = 0;                ///< of salt and all tokens up to the block's end; never 0
  std::int32_t parent = -1;              ///< the cached block before it; -1 = it begins the sequence
  std::span<const std::int32_t> tokens;  ///< kKvBlock of them
  std::string_view salt;                 ///< compared where parent is -1: sequences of different salts share nothing
};

class PrefixCache {
 public:
  static constexpr std::int32_t kNone = -1;

  /// The pool must outlive the cache, which from now on is the only one to allocate from it. When not `enabled`, blocks
  /// are free as soon as nobody holds them and nothing is ever found.
  explicit PrefixCache(KvPool& pool, bool enabled = true);

  bool enabled() const { return enabled_; }
  /// Blocks that Allocate can give: the empty ones, and those that are only kept for later.
  std::int64_t free_blocks() const { return pool_.free_blocks() + evictable_; }
  std::int64_t cached_blocks() const { return static_cast<std::int64_t>(by_hash_.size()); }

  /// Appends `count` blocks (each with one reference) to `table`, or none; evicts what nobody holds, least recently
  /// used first and never a block before those that follow it. Errors: kResourceExhausted.
  Status Allocate(std::int64_t count, std::vector<std::int32_t>& table);

  /// Drops one reference of each block. `table` is a sequence's blocks in order: its end becomes evictable before its
  /// beginning.
  void Release(std::span<const std::int32_t> table);

  /// The cached block of that key or kNone. O(1); takes no reference.
  std::int32_t Find(const BlockKey& key) const;
  /// Adds a reference to a cached block.
  void Acquire(std::int32_t block);
  /// Puts a block whose KV is complete under its key; the caller holds it, and key.parent as well. Returns the block
  /// that the cache has for this key: `block`, or another of the same content that was there first, or kNone when the
  /// cache cannot take it (switched off, or another content has the same hash).
  std::int32_t Insert(std::int32_t block, const BlockKey& key);

  /// Sequences that hold a cached block.
  int holders(std::int32_t block) const { return pool_.references(block) - 1; }
  /// Changes whenever the block becomes another content's.
  std::uint64_t serial(std::int32_t block) const { return node(block).serial; }

 private:
  /// The cache's own knowledge of a block. Blocks that only the cache holds form a list, the next victim first.
  struct Node {
    std::uint64_t hash = 0;  ///< 0 = not in the cache
    std::uint64_t serial = 0;
    std::int32_t parent = kNone;
    std::int32_t before = kNone, after = kNone;
    std::array<std::int32_t, kernels::kKvBlock> tokens{};
    std::string salt = {};
  };

  Node& node(std::int32_t block) { return nodes_[static_cast<std::size_t>(block)]; }
  const Node& node(std::int32_t block) const { return nodes_[static_cast<std::size_t>(block)]; }
  bool Is(std::int32_t block, const BlockKey& key) const;
  void Append(std::int32_t block);
  void Unlink(std::int32_t block);
  void EvictOldest();

  KvPool& pool_;
  const bool enabled_;
  std::vector<Node> nodes_;  ///< by block
  std::unordered_map<std::uint64_t, std::int32_t> by_hash_;
  std::int32_t oldest_ = kNone, newest_ = kNone;  ///< ends of the list of evictable blocks
  std::int64_t evictable_ = 0;
  std::uint64_t last_serial_ = 0;
};

}  // namespace strata
