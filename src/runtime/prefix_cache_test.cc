#include "runtime/prefix_cache.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "runtime/sequence_kv.h"

namespace strata {
namespace {

using Tokens = std::vector<std::int32_t>;
constexpr std::int64_t kBlock = kernels::kKvBlock;

std::unique_ptr<KvPool> Pool(std::int64_t blocks) {
  auto pool = KvPool::Create({.layers = 1, .kv_heads = 1, .head_dim = 16}, blocks);
  EXPECT_TRUE(pool);
  return std::move(*pool);
}

/// `blocks` blocks of tokens that differ by seed, and `more` tokens after them.
Tokens Text(std::int64_t blocks, int seed, std::int64_t more = 0) {
  Tokens tokens;
  for (std::int64_t i = 0; i < blocks * kBlock + more; ++i) tokens.push_back(static_cast<int>(i) * 31 + seed);
  return tokens;
}

/// Computes all of it, as a sequence that runs alone.
std::int64_t Compute(SequenceKv& kv, const Tokens& tokens) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  const std::int64_t reused = kv.Reuse(tokens, 0, length - 1);
  EXPECT_TRUE(kv.Reserve(length));
  kv.Publish(tokens, length);
  return reused;
}

TEST(PrefixCache, FullBlocksAreFoundAgainButNeverTheLastToken) {
  const auto pool = Pool(16);
  PrefixCache cache(*pool);
  const Tokens text = Text(3, 1);
  {
    SequenceKv kv(cache);
    EXPECT_EQ(Compute(kv, text), 0);
    EXPECT_EQ(cache.free_blocks(), 13);
  }
  EXPECT_EQ(cache.free_blocks(), 16);
  EXPECT_EQ(cache.cached_blocks(), 3);
  SequenceKv same(cache), longer(cache), other(cache);
  EXPECT_EQ(Compute(same, text), 2 * kBlock);  // the last token has to be computed: its block as well
  EXPECT_EQ(Compute(longer, Text(3, 1, 1)), 3 * kBlock);
  EXPECT_EQ(Compute(other, Text(3, 2)), 0);
  EXPECT_EQ(same.table()[0], longer.table()[0]);
  EXPECT_EQ(same.table()[2], longer.table()[2]) << "the block that was computed twice is kept once";
}

TEST(PrefixCache, SaltsShareNothing) {
  const auto pool = Pool(16);
  PrefixCache cache(*pool);
  SequenceKv one(cache, "one"), two(cache, "two"), again(cache, "one");
  EXPECT_EQ(Compute(one, Text(2, 1, 1)), 0);
  EXPECT_EQ(Compute(two, Text(2, 1, 1)), 0);
  EXPECT_EQ(Compute(again, Text(2, 1, 1)), 2 * kBlock);
}

TEST(PrefixCache, SwitchedOffKeepsNothing) {
  const auto pool = Pool(4);
  PrefixCache cache(*pool, false);
  SequenceKv kv(cache), again(cache);
  EXPECT_EQ(Compute(kv, Text(2, 1)), 0);
  EXPECT_EQ(kv.NextBlock(Text(2, 1), 0), 0U);
  kv.Release();
  EXPECT_EQ(pool->free_blocks(), 4);
  EXPECT_EQ(Compute(again, Text(2, 1, 1)), 0);
}

TEST(PrefixCache, ACollisionIsAMiss) {
  const auto pool = Pool(8);
  PrefixCache cache(*pool);
  Tokens table;
  ASSERT_TRUE(cache.Allocate(5, table));
  const Tokens a = Text(1, 1), b = Text(1, 2);
  EXPECT_EQ(cache.Insert(table[0], {7, PrefixCache::kNone, a, "x"}), table[0]);
  EXPECT_EQ(cache.Insert(table[1], {8, table[0], b, "x"}), table[1]);
  // The same hash: other tokens, another salt, another predecessor.
  EXPECT_EQ(cache.Insert(table[2], {7, PrefixCache::kNone, b, "x"}), PrefixCache::kNone);
  EXPECT_EQ(cache.Find({7, PrefixCache::kNone, b, "x"}), PrefixCache::kNone);
  EXPECT_EQ(cache.Find({7, PrefixCache::kNone, a, "y"}), PrefixCache::kNone);
  EXPECT_EQ(cache.Find({8, PrefixCache::kNone, b, "x"}), PrefixCache::kNone);
  EXPECT_EQ(cache.Find({8, table[0], b, "x"}), table[1]);
  EXPECT_EQ(cache.Insert(table[3], {8, table[0], b, "x"}), table[1]);
}

TEST(PrefixCache, EvictsTheLeastRecentlyUsedFromTheEnd) {
  const auto pool = Pool(6);
  PrefixCache cache(*pool);
  const Tokens hot = Text(2, 1, 1), cold = Text(2, 2);
  {
    SequenceKv kv(cache);
    Compute(kv, hot);
  }
  {
    SequenceKv kv(cache);
    Compute(kv, cold);
  }
  {
    SequenceKv kv(cache);
    EXPECT_EQ(Compute(kv, hot), 2 * kBlock);
  }  // used again: it stays
  const auto found = [&](const Tokens& text) {
    SequenceKv kv(cache);
    return kv.Look(text, static_cast<std::int64_t>(text.size())).tokens / kBlock;
  };
  Tokens table;
  ASSERT_TRUE(cache.Allocate(3, table));  // two were free
  EXPECT_EQ(found(cold), 1) << "its end goes first";
  ASSERT_TRUE(cache.Allocate(1, table));
  EXPECT_EQ(found(cold), 0);
  EXPECT_EQ(found(hot), 2);
  ASSERT_TRUE(cache.Allocate(1, table));
  EXPECT_EQ(found(hot), 1);
  EXPECT_FALSE(cache.Allocate(2, table));
  EXPECT_EQ(found(hot), 1) << "what cannot be had evicts nothing";
}

TEST(PrefixCache, WhatAnotherComputesMeanwhileIsTaken) {
  const auto pool = Pool(16);
  PrefixCache cache(*pool);
  const Tokens text = Text(4, 1, 3);
  SequenceKv first(cache), second(cache);
  ASSERT_TRUE(first.Reserve(kBlock * 2));
  ASSERT_TRUE(second.Reserve(kBlock * 5));
  EXPECT_NE(first.NextBlock(text, 0), 0U);
  EXPECT_EQ(first.NextBlock(text, 5), second.NextBlock(text, 0));
  EXPECT_EQ(first.NextBlock(text, kBlock * 4), 0U) << "not a full block";
  first.Publish(text, kBlock + 5);
  EXPECT_EQ(second.Reuse(text, 0, 66), kBlock);
  EXPECT_EQ(second.NextBlock(text, kBlock), first.NextBlock(text, kBlock + 5));
  EXPECT_EQ(second.table()[0], first.table()[0]);
  EXPECT_EQ(second.blocks(), 5);
  EXPECT_EQ(cache.free_blocks(), 16 - 6) << "the block in its place went back";
}

TEST(PrefixCache, LookFollowsWhatHappens) {
  const auto pool = Pool(5);
  PrefixCache cache(*pool);
  const Tokens text = Text(3, 1, 1);
  SequenceKv waiting(cache);
  EXPECT_EQ(waiting.Look(text, 48).tokens, 0);
  auto running = std::make_unique<SequenceKv>(cache);
  Compute(*running, text);
  EXPECT_EQ(waiting.Look(text, 48).tokens, 48);
  EXPECT_EQ(waiting.Look(text, 48).held_blocks, 3);
  EXPECT_EQ(waiting.Look(text, 47).tokens, 32);
  running->Trim(0 + 48);
  running.reset();
  EXPECT_EQ(waiting.Look(text, 48).held_blocks, 0);
  Tokens table;
  ASSERT_TRUE(cache.Allocate(3, table));  // two were free: one is evicted
  EXPECT_EQ(waiting.Look(text, 48).tokens, 32);
  ASSERT_TRUE(cache.Allocate(2, table));
  EXPECT_EQ(waiting.Look(text, 48).tokens, 0);
}

/// The cache as a map from whole texts, with searches in the place of lists. `written` plays the KV: what every slot of
/// every block holds, as the text up to its token.
class Model {
 public:
  explicit Model(std::int64_t blocks)
      : pool_(Pool(blocks)), cache_(*pool_), written_(static_cast<std::size_t>(blocks * kBlock)) {}

  void Admit(Tokens tokens, std::string salt) {
    Running& r = running_.emplace_back();
    r.salt = std::move(salt);
    r.tokens = std::move(tokens);
    r.kv = std::make_unique<SequenceKv>(cache_, r.salt);
    const std::int64_t limit = r.length() - 1;
    std::int64_t expected = 0;
    while ((expected + 1) * kBlock <= limit && entries_.contains(r.Text((expected + 1) * kBlock))) ++expected;
    std::int64_t held = 0;
    while (held < expected && entries_.at(r.Text((held + 1) * kBlock)).holders > 0) ++held;
    const SequenceKv::Reusable reusable = r.kv->Look(r.tokens, limit);
    EXPECT_EQ(reusable.tokens, expected * kBlock);
    EXPECT_EQ(reusable.held_blocks, held);
    r.computed = r.kv->Reuse(r.tokens, 0, limit);
    EXPECT_EQ(r.computed, expected * kBlock);
    for (; r.shared < expected; ++r.shared) ++entries_.at(r.Text((r.shared + 1) * kBlock)).holders;
    CheckContent(r);
    Grow(running_.size() - 1, 0);
  }

  /// Appends tokens and computes all; a sequence that finds no room ends.
  void Grow(std::size_t index, std::int64_t more) {
    Running& r = running_[index];
    for (std::int64_t i = 0; i < more; ++i) r.tokens.push_back(r.tokens.back() % 2 + 1);
    const std::int64_t missing = KvPool::BlocksFor(r.length()) - r.kv->blocks();
    const bool fits = missing <= Free();
    const std::int64_t empty = Free() - Unheld();
    ASSERT_EQ(r.kv->Reserve(r.length()).has_value(), fits);
    if (!fits) return Release(index);
    for (std::int64_t i = empty; i < missing; ++i) EvictOne();
    for (std::int64_t p = r.computed; p < r.length(); ++p) Slot(r, p) = r.Text(p + 1);
    r.computed = r.length();
    r.kv->Publish(r.tokens, r.computed);
    for (; r.shared < r.computed / kBlock; ++r.shared) ++entries_[r.Text((r.shared + 1) * kBlock)].holders;
    CheckContent(r);
  }

  void Release(std::size_t index) {
    const Running& r = running_[index];
    for (std::int64_t b = r.shared; b-- > 0;) {
      Entry& entry = entries_.at(r.Text((b + 1) * kBlock));
      if (--entry.holders == 0) entry.released = ++clock_;
    }
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void Check() {
    EXPECT_EQ(cache_.cached_blocks(), static_cast<std::int64_t>(entries_.size()));
    EXPECT_EQ(cache_.free_blocks(), Free());
    for (Running& r : running_) CheckContent(r);
  }
  std::size_t running() const { return running_.size(); }
  std::int64_t evicted() const { return evicted_; }

 private:
  struct Entry {
    int holders = 0;
    std::int64_t released = 0;
  };
  struct Running {
    std::string salt;
    Tokens tokens;
    std::unique_ptr<SequenceKv> kv;
    std::int64_t computed = 0, shared = 0;
    std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
    std::string Text(std::int64_t count) const {
      std::string text = salt + ":";
      for (std::int64_t i = 0; i < count; ++i) text += static_cast<char>('a' + tokens[static_cast<std::size_t>(i)]);
      return text;
    }
  };

  std::string& Slot(const Running& r, std::int64_t position) {
    const std::int32_t block = r.kv->table()[static_cast<std::size_t>(position / kBlock)];
    return written_[static_cast<std::size_t>(block * kBlock + position % kBlock)];
  }
  void CheckContent(const Running& r) {
    for (std::int64_t p = 0; p < r.computed; ++p) ASSERT_EQ(Slot(r, p), r.Text(p + 1));
  }
  std::int64_t Unheld() const {
    return std::ranges::count_if(entries_, [](const auto& entry) { return entry.second.holders == 0; });
  }
  std::int64_t Free() const {
    std::int64_t used = static_cast<std::int64_t>(entries_.size()) - Unheld();
    for (const Running& r : running_) used += r.kv->blocks() - r.shared;
    return pool_->blocks() - used;
  }
  void EvictOne() {
    auto victim = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->second.holders > 0) continue;
      if (victim == entries_.end() || entry->second.released < victim->second.released) victim = entry;
    }
    ASSERT_NE(victim, entries_.end());
    for (const auto& [text, entry] : entries_) {
      EXPECT_FALSE(text.size() > victim->first.size() && text.starts_with(victim->first))
          << "a parent before its child";
    }
    entries_.erase(victim);
    ++evicted_;
  }

  std::unique_ptr<KvPool> pool_;
  PrefixCache cache_;
  std::vector<std::string> written_;
  std::map<std::string, Entry> entries_;  ///< by salt and text up to the block's end
  std::vector<Running> running_;
  std::int64_t clock_ = 0, evicted_ = 0;
};

class RandomUse : public testing::TestWithParam<unsigned> {};
TEST_P(RandomUse, EqualsANaiveCache) {
  std::mt19937 random(GetParam());
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Model model(static_cast<std::int64_t>(12 + below(40)));
  for (int step = 0; step < 400; ++step) {
    if (model.running() == 0 || (model.running() < 8 && below(3) == 0)) {
      // Whole blocks of one token: texts that share prefixes of every length.
      Tokens tokens;
      for (std::size_t b = 0, n = below(7); b < n; ++b) {
        tokens.insert(tokens.end(), kBlock, below(4) == 0 ? 2 : 1);
      }
      tokens.insert(tokens.end(), 1 + below(16), 1 + static_cast<int>(below(2)));
      model.Admit(std::move(tokens), below(5) == 0 ? "salt" : "");
    } else if (below(3) == 0) {
      model.Release(below(model.running()));
    } else {
      model.Grow(below(model.running()), static_cast<std::int64_t>(1 + below(20)));
    }
    model.Check();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(model.evicted(), 0);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomUse, testing::Range(0U, 40U));

}  // namespace
}  // namespace strata
