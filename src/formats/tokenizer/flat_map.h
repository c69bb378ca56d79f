// An open-addressing map from 64-bit keys to small values, built once and read by many threads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::tokenizer {

template <class Value>
class FlatMap {
 public:
  explicit FlatMap(std::size_t expected = 0) { Allocate(std::bit_ceil(expected * 2 + 8)); }

  /// The value of `key`, or nullptr.
  const Value* Find(std::uint64_t key) const {
    for (std::size_t at = Slot(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == kEmpty) return nullptr;
    }
  }

  /// Sets `key` (any but ~0) to `value`; false when it was there already and `overwrite` is not asked for.
  bool Set(std::uint64_t key, const Value& value, bool overwrite = false) {
    if ((size_ + 1) * 2 > slots_.size()) Grow();
    std::size_t at = Slot(key);
    for (; slots_[at].key != kEmpty; at = (at + 1) & mask_) {
      if (slots_[at].key != key) continue;
      if (overwrite) slots_[at].value = value;
      return false;
    }
    slots_[at] = {key, value};
    ++size_;
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kEmpty = ~0ULL;
  struct Entry {
    std::uint64_t key = kEmpty;
    Value value{};
  };
  // Fibonacci hashing: the high bits of a product with 2^64 / golden ratio are well mixed.
  std::size_t Slot(std::uint64_t key) const { return ((key ^ (key >> 32)) * 0x9E3779B97F4A7C15ULL) >> shift_; }
  void Allocate(std::size_t capacity) {
    slots_.assign(capacity, {});
    mask_ = capacity - 1;
    shift_ = 64 - std::countr_zero(capacity);
  }
  void Grow() {
    const std::vector<Entry> old = std::move(slots_);
    Allocate(old.size() * 2);
    size_ = 0;
    for (const Entry& entry : old) {
      if (entry.key != kEmpty) Set(entry.key, entry.value);
    }
  }

  std::vector<Entry> slots_;
  std::size_t mask_ = 0, size_ = 0;
  int shift_ = 0;
};

}  // namespace strata::tokenizer
