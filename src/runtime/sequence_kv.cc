#include "runtime/sequence_kv.h"

#include <algorithm>
#include <cassert>

#include "base/hash.h"

namespace strata {
namespace {

std::span<const std::int32_t> BlockTokens(std::span<const std::int32_t> tokens, std::int64_t block) {
  return tokens.subspan(static_cast<std::size_t>(block * kernels::kKvBlock),
                        static_cast<std::size_t>(kernels::kKvBlock));
}

}  // namespace

SequenceKv::SequenceKv(PrefixCache& cache, std::string salt) : cache_(cache), salt_(std::move(salt)) {}

void SequenceKv::Hash(std::span<const std::int32_t> tokens, std::int64_t blocks) {
  for (auto block = static_cast<std::int64_t>(hashes_.size()); block < blocks; ++block) {
    const std::uint64_t before = hashes_.empty() ? Hash64(salt_) : hashes_.back();
    const std::uint64_t hash = Hash64(std::as_bytes(BlockTokens(tokens, block)), before);
    hashes_.push_back(hash == 0 ? 1 : hash);
  }
}

BlockKey SequenceKv::Key(std::span<const std::int32_t> tokens, std::int64_t block, std::int32_t parent) const {
  return {hashes_[static_cast<std::size_t>(block)], parent, BlockTokens(tokens, block), salt_};
}

SequenceKv::Reusable SequenceKv::Look(std::span<const std::int32_t> tokens, std::int64_t limit) {
  assert(table_.empty());
  if (!cache_.enabled()) return {0, 0};
  const auto most = static_cast<std::size_t>(limit / kernels::kKvBlock);
  Hash(tokens, limit / kernels::kKvBlock);
  // A block is never evicted before those that follow it.
  if (seen_.size() > most || (!seen_.empty() && cache_.serial(seen_.back()) != seen_serial_)) seen_.clear();
  while (seen_.size() < most) {
    const std::int32_t parent = seen_.empty() ? PrefixCache::kNone : seen_.back();
    const std::int32_t block = cache_.Find(Key(tokens, static_cast<std::int64_t>(seen_.size()), parent));
    if (block == PrefixCache::kNone) break;
    seen_.push_back(block);
    seen_serial_ = cache_.serial(block);
  }
  // Who holds a block holds those before it.
  const auto held = std::ranges::partition_point(seen_, [&](std::int32_t block) { return cache_.holders(block) > 0; });
  return {static_cast<std::int64_t>(seen_.size()) * kernels::kKvBlock, held - seen_.begin()};
}

std::int64_t SequenceKv::Reuse(std::span<const std::int32_t> tokens, std::int64_t computed, std::int64_t limit) {
  if (!cache_.enabled()) return computed;
  const std::int64_t most = limit / kernels::kKvBlock;
  Hash(tokens, most);
  while (shared_ < most) {
    const std::int32_t block = cache_.Find(Key(tokens, shared_, LastShared()));
    if (block == PrefixCache::kNone) break;
    Share(block);
  }
  return std::max(computed, shared_ * kernels::kKvBlock);
}

void SequenceKv::Share(std::int32_t block) {
  cache_.Acquire(block);
  if (shared_ < blocks()) {
    std::int32_t& own = table_[static_cast<std::size_t>(shared_)];
    cache_.Release({&own, 1});
    own = block;
  } else {
    table_.push_back(block);
  }
  ++shared_;
}

Status SequenceKv::Reserve(std::int64_t tokens) {
  const std::int64_t missing = KvPool::BlocksFor(tokens) - blocks();
  return missing <= 0 ? Status() : cache_.Allocate(missing, table_);
}

void SequenceKv::Trim(std::int64_t tokens) {
  const auto keep = static_cast<std::size_t>(KvPool::BlocksFor(tokens));
  assert(keep >= static_cast<std::size_t>(shared_));
  if (keep >= table_.size()) return;
  cache_.Release(std::span(table_).subspan(keep));
  table_.resize(keep);
}

void SequenceKv::Publish(std::span<const std::int32_t> tokens, std::int64_t computed) {
  if (!cache_.enabled()) return;
  const std::int64_t complete = computed / kernels::kKvBlock;
  if (complete <= shared_) return;
  Hash(tokens, complete);
  while (shared_ < complete) {
    const std::int32_t own = table_[static_cast<std::size_t>(shared_)];
    const std::int32_t cached = cache_.Insert(own, Key(tokens, shared_, LastShared()));
    if (cached == PrefixCache::kNone) return;
    if (cached == own) {
      ++shared_;
    } else {
      Share(cached);
    }
  }
}

std::int64_t SequenceKv::SharedBlocks() const {
  // Who holds a block holds those before it.
  const auto cached = std::span(table_).first(static_cast<std::size_t>(shared_));
  return std::ranges::partition_point(cached, [&](std::int32_t block) { return cache_.holders(block) > 1; }) -
         cached.begin();
}

std::uint64_t SequenceKv::NextBlock(std::span<const std::int32_t> tokens, std::int64_t computed) {
  const std::int64_t block = computed / kernels::kKvBlock;
  if (!cache_.enabled() || (block + 1) * kernels::kKvBlock > static_cast<std::int64_t>(tokens.size())) return 0;
  Hash(tokens, block + 1);
  return hashes_[static_cast<std::size_t>(block)];
}

void SequenceKv::Release() {
  cache_.Release(table_);
  table_.clear();
  shared_ = 0;
}

}  // namespace strata
