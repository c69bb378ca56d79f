// Where each byte leads from a state: which bytes may lead on is known from the beginning, where to is found one by
// one.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>

namespace strata::grammar {

class ByteSet {
 public:
  void Add(std::uint8_t byte) { words_[byte / 64] |= std::uint64_t{1} << (byte % 64); }
  void AddAll(std::string_view bytes) {
    for (const char byte : bytes) Add(static_cast<std::uint8_t>(byte));
  }
  void AddRange(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t byte = first; byte <= last; ++byte) Add(static_cast<std::uint8_t>(byte));
  }
  void AddAll(const ByteSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool Contains(std::uint8_t byte) const { return (words_[byte / 64] >> (byte % 64) & 1) != 0; }
  bool empty() const { return words_ == std::array<std::uint64_t, 4>{}; }
  int size() const {
    int count = 0;
    for (const std::uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  /// How many members are less than `byte`.
  int Rank(std::uint8_t byte) const {
    int rank = std::popcount(words_[byte / 64] & ((std::uint64_t{1} << (byte % 64)) - 1));
    for (int word = 0; word < byte / 64; ++word) rank += std::popcount(words_[static_cast<std::size_t>(word)]);
    return rank;
  }

 private:
  std::array<std::uint64_t, 4> words_ = {};
};

/// Targets are numbers; 0 is dead. A state with few ways on, as most are, takes little memory and little time to make.
class ByteTable {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFF;

  bool prepared() const { return targets_ != nullptr; }
  /// Every byte outside of `may` is dead.
  void Prepare(const ByteSet& may) {
    may_ = may;
    const int count = may.size();
    direct_ = count > kMostRanked;
    const std::size_t size = direct_ ? 256 : static_cast<std::size_t>(count) + 1;  // not nothing, to be `prepared`
    targets_ = std::make_unique_for_overwrite<std::uint32_t[]>(size);
    for (std::size_t i = 0; i < size; ++i) {
      targets_[i] = direct_ && !may.Contains(static_cast<std::uint8_t>(i)) ? 0 : kUnknown;
    }
  }
  const ByteSet& may() const { return may_; }
  /// Only where `prepared`.
  std::uint32_t Get(std::uint8_t byte) const {
    if (direct_) return targets_[byte];
    return may_.Contains(byte) ? targets_[static_cast<std::size_t>(may_.Rank(byte))] : 0;
  }
  /// `byte` is one that may lead on.
  void Set(std::uint8_t byte, std::uint32_t target) {
    targets_[direct_ ? byte : static_cast<std::size_t>(may_.Rank(byte))] = target;
  }

 private:
  static constexpr int kMostRanked = 40;
  ByteSet may_;
  std::unique_ptr<std::uint32_t[]> targets_;
  bool direct_ = false;
};

}  // namespace strata::grammar
