// Byte-pair encoding of one word: the pair with the lowest rank merges first, the leftmost of equals.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer.h"

namespace strata::tokenizer {

class Bpe {
 public:
  /// `symbols` are the entries as bytes, by id (an empty one takes no part); `merges` pairs of entries, best first.
  /// Merges whose parts or result are no entries are ignored, as they can never apply.
  Bpe(const std::vector<std::string>& symbols, const std::vector<std::pair<std::string, std::string>>& merges);

  /// Appends the word's ids. A byte that is no entry is left out and counted in the return value.
  int Encode(std::string_view word, std::vector<TokenId>& ids) const;

 private:
  struct Merge {
    std::int32_t rank;
    TokenId result;
  };
  static std::uint64_t Key(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
  }
  TokenId byte_ids_[256];
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace strata::tokenizer
