// A trie over bytes: which of many strings does a text begin with?
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "formats/tokenizer/flat_map.h"

namespace strata::tokenizer {

class ByteTrie {
 public:
  ByteTrie() { first_.fill(0); }

  /// Of equal keys the last one counts. Empty keys are ignored.
  void Insert(std::string_view key, std::int32_t value);

  /// Calls found(length, value) for each key that text[at..] begins with, the shortest first.
  template <class Function>
  void ForEachPrefix(std::string_view text, std::size_t at, Function found) const {
    std::uint32_t node = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
      node = Child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) return;
      if (values_[node] >= 0) found(i + 1 - at, values_[node]);
    }
  }
  /// Whether any key begins with this byte.
  bool MayBegin(char byte) const { return first_[static_cast<unsigned char>(byte)] != 0; }
  bool empty() const { return values_.size() <= 1; }

 private:
  std::uint32_t Child(std::uint32_t node, unsigned char byte) const {
    if (node == 0) return first_[byte];
    const std::uint32_t* child = children_.Find(static_cast<std::uint64_t>(node) << 8 | byte);
    return child == nullptr ? 0 : *child;
  }

  std::array<std::uint32_t, 256> first_;
  FlatMap<std::uint32_t> children_;          ///< node << 8 | byte
  std::vector<std::int32_t> values_ = {-1};  ///< by node; -1 where no key ends
};

}  // namespace strata::tokenizer
