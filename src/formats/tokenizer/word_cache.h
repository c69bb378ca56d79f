// What words became, for many threads at once and without a lock: entries are added, never changed or removed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tokenizer.h"

namespace strata::tokenizer {

class WordCache {
 public:
  /// Longer words are not kept.
  static constexpr std::size_t kMaxBytes = 64;

  WordCache();
  ~WordCache();
  WordCache(const WordCache&) = delete;
  WordCache& operator=(const WordCache&) = delete;

  /// Appends the ids of `word` (at most kMaxBytes) to `ids`: from the cache, or by encode(word, ids).
  template <class Encode>
  void Append(std::string_view word, std::vector<TokenId>& ids, Encode encode) {
    const std::uint64_t hash = HashOf(word);
    if (const Entry* entry = Find(word, hash)) {
      ids.insert(ids.end(), entry->ids(), entry->ids() + entry->count);
      return;
    }
    const std::size_t before = ids.size();
    encode(word, ids);
    Insert(word, hash, std::span(ids).subspan(before));
  }

 private:
  /// Followed in memory by the ids and then by the word.
  struct Entry {
    std::uint64_t hash;
    std::uint32_t count;
    std::uint32_t bytes;
    const TokenId* ids() const { return reinterpret_cast<const TokenId*>(this + 1); }
    std::string_view word() const { return {reinterpret_cast<const char*>(ids() + count), bytes}; }
  };
  static constexpr std::size_t kSlots = 1 << 17, kEntries = kSlots / 2, kProbes = 8;

  static std::uint64_t HashOf(std::string_view word);
  const Entry* Find(std::string_view word, std::uint64_t hash) const {
    for (std::size_t i = 0; i < kProbes; ++i) {
      const Entry* entry = slots_[(hash + i) % kSlots].load(std::memory_order_acquire);
      if (entry == nullptr) return nullptr;
      if (entry->hash == hash && entry->word() == word) return entry;
    }
    return nullptr;
  }
  void Insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids);

  std::unique_ptr<std::atomic<const Entry*>[]> slots_;
  std::atomic<std::size_t> size_ = 0;
};

}  // namespace strata::tokenizer
