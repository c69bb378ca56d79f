#include "runtime/prefix_cache.h"

#include <algorithm>
#include <cassert>

namespace strata {

PrefixCache::PrefixCache(KvPool& pool, bool enabled) : pool_(pool), enabled_(enabled) {
  if (!enabled_) return;
  nodes_.resize(static_cast<std::size_t>(pool.blocks()));
  by_hash_.reserve(static_cast<std::size_t>(pool.blocks()));
}

Status PrefixCache::Allocate(std::int64_t count, std::vector<std::int32_t>& table) {
  if (count > free_blocks()) {
    return Fail(ErrorCode::kResourceExhausted, "the KV cache has {} free blocks of {} tokens, {} are needed",
                free_blocks(), kernels::kKvBlock, count);
  }
  while (pool_.free_blocks() < count) EvictOldest();
  return pool_.Allocate(count, table);
}

void PrefixCache::Release(std::span<const std::int32_t> table) {
  // From the end: whoever holds a block holds its predecessors as well, so they lose their last holder in this call or
  // a later one. The list is therefore always in an order in which every block comes before its predecessor.
  for (std::size_t i = table.size(); i-- > 0;) {
    pool_.Release(table[i]);
    if (enabled_ && node(table[i]).hash != 0 && holders(table[i]) == 0) Append(table[i]);
  }
}

bool PrefixCache::Is(std::int32_t block, const BlockKey& key) const {
  const Node& n = node(block);
  return n.parent == key.parent && std::ranges::equal(n.tokens, key.tokens) &&
         (key.parent != kNone || n.salt == key.salt);
}

std::int32_t PrefixCache::Find(const BlockKey& key) const {
  const auto found = by_hash_.find(key.hash);
  return found != by_hash_.end() && Is(found->second, key) ? found->second : kNone;
}

void PrefixCache::Acquire(std::int32_t block) {
  assert(node(block).hash != 0);
  if (holders(block) == 0) Unlink(block);
  pool_.AddReference(block);
}

std::int32_t PrefixCache::Insert(std::int32_t block, const BlockKey& key) {
  if (!enabled_) return kNone;
  assert(key.hash != 0 && key.tokens.size() == static_cast<std::size_t>(kernels::kKvBlock));
  const auto [place, fresh] = by_hash_.try_emplace(key.hash, block);
  if (!fresh) return Is(place->second, key) ? place->second : kNone;
  Node& n = node(block);
  assert(n.hash == 0);
  n.hash = key.hash;
  n.serial = ++last_serial_;
  n.parent = key.parent;
  std::ranges::copy(key.tokens, n.tokens.begin());
  if (key.parent == kNone) n.salt = key.salt;
  pool_.AddReference(block);  // the cache's own
  return block;
}

void PrefixCache::Append(std::int32_t block) {
  node(block).before = newest_;
  node(block).after = kNone;
  (newest_ == kNone ? oldest_ : node(newest_).after) = block;
  newest_ = block;
  ++evictable_;
}

void PrefixCache::Unlink(std::int32_t block) {
  const Node& n = node(block);
  (n.before == kNone ? oldest_ : node(n.before).after) = n.after;
  (n.after == kNone ? newest_ : node(n.after).before) = n.before;
  --evictable_;
}

void PrefixCache::EvictOldest() {
  const std::int32_t block = oldest_;
  Unlink(block);
  Node& n = node(block);
  by_hash_.erase(n.hash);
  n.hash = 0;
  n.serial = ++last_serial_;
  n.salt.clear();
  pool_.Release(block);
}

}  // namespace strata
