// One sequence's KV: its block table, what it can take from the prefix cache and what it has given to it.
//
//   SequenceKv kv(cache, salt);
//   std::int64_t computed = kv.Reuse(tokens, limit);        // from the cache: nothing of this has to be computed
//   STRATA_CHECK(kv.Reserve(computed + count));             // room for what the step computes
//   ... run {tokens[computed, computed + count), kv.table()} ...
//   kv.Publish(tokens, computed + count);                   // others may have its full blocks from now on
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/prefix_cache.h"

namespace strata {

/// Owns the references. `tokens` is always the whole sequence, which between calls only grows at its end.
class SequenceKv {
 public:
  /// Sequences share blocks only with those of the same `salt`.
  explicit SequenceKv(PrefixCache& cache, std::string salt = {});
  ~SequenceKv() { Release(); }
  SequenceKv(const SequenceKv&) = delete;
  SequenceKv& operator=(const SequenceKv&) = delete;

  std::span<const std::int32_t> table() const { return table_; }
  std::int64_t blocks() const { return static_cast<std::int64_t>(table_.size()); }

  /// Of a sequence without blocks: what the cache would give now, at most `limit` tokens. A waiting one may ask before
  /// each step: what was found is not looked up again while it is there.
  struct Reusable {
    std::int64_t tokens;       ///< whole blocks
    std::int64_t held_blocks;  ///< those of them that another sequence holds: taking them costs no free block
  };
  Reusable Look(std::span<const std::int32_t> tokens, std::int64_t limit);

  /// Takes full blocks from the cache behind those that are shared already, in the place of own blocks that were
  /// reserved for them; `computed` tokens are known already. Returns the tokens whose KV is there now: `computed`, or a
  /// larger multiple of a block, at most `limit`.
  std::int64_t Reuse(std::span<const std::int32_t> tokens, std::int64_t computed, std::int64_t limit);

  /// Blocks for `tokens` tokens in all. Errors: kResourceExhausted; the table is then as before.
  Status Reserve(std::int64_t tokens);
  /// Gives back the blocks that `tokens` tokens do not need.
  void Trim(std::int64_t tokens);

  /// The KV of the first `computed` tokens is complete and final: their full blocks go to the cache. A block that the
  /// cache has already from another sequence replaces the own one.
  void Publish(std::span<const std::int32_t> tokens, std::int64_t computed);

  /// Blocks of the table, from its beginning, that other sequences hold too.
  std::int64_t SharedBlocks() const;

  /// Hash of the block in which the first token after `computed` lies, if `tokens` has all of it; else 0. Two sequences
  /// with equal ones are about to compute the same block.
  std::uint64_t NextBlock(std::span<const std::int32_t> tokens, std::int64_t computed);

  /// Gives all blocks back: the sequence starts anew.
  void Release();

 private:
  BlockKey Key(std::span<const std::int32_t> tokens, std::int64_t block, std::int32_t parent) const;
  void Hash(std::span<const std::int32_t> tokens, std::int64_t blocks);
  std::int32_t LastShared() const {
    return shared_ == 0 ? PrefixCache::kNone : table_[static_cast<std::size_t>(shared_ - 1)];
  }
  void Share(std::int32_t block);

  PrefixCache& cache_;
  const std::string salt_;
  std::vector<std::uint64_t> hashes_;  ///< of full blocks, each from the one before
  std::vector<std::int32_t> table_;
  std::int64_t shared_ = 0;  ///< blocks of the table that are the cache's: a prefix
  // What Look found the last time; all of it is still there if the last one is.
  std::vector<std::int32_t> seen_;
  std::uint64_t seen_serial_ = 0;
};

}  // namespace strata
