#include "formats/tokenizer/word_cache.h"

#include <cstring>
#include <new>

#include "base/hash.h"

namespace strata::tokenizer {

WordCache::WordCache() : slots_(std::make_unique<std::atomic<const Entry*>[]>(kSlots)) {}

WordCache::~WordCache() {
  for (std::size_t i = 0; i < kSlots; ++i) ::operator delete(const_cast<Entry*>(slots_[i].load()));
}

std::uint64_t WordCache::HashOf(std::string_view word) { return Hash64(word); }

void WordCache::Insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
  if (size_.load(std::memory_order_relaxed) >= kEntries) return;
  void* memory = ::operator new(sizeof(Entry) + ids.size_bytes() + word.size(), std::nothrow);
  if (memory == nullptr) return;
  auto* entry =
      new (memory) Entry{hash, static_cast<std::uint32_t>(ids.size()), static_cast<std::uint32_t>(word.size())};
  char* rest = reinterpret_cast<char*>(entry + 1);
  std::memcpy(rest, ids.data(), ids.size_bytes());
  std::memcpy(rest + ids.size_bytes(), word.data(), word.size());
  for (std::size_t i = 0; i < kProbes; ++i) {
    const Entry* expected = nullptr;
    if (slots_[(hash + i) % kSlots].compare_exchange_strong(expected, entry, std::memory_order_acq_rel)) {
      size_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (expected->hash == hash && expected->word() == word) break;  // another thread was first
  }
  ::operator delete(memory);
}

}  // namespace strata::tokenizer
