// Tokens that are looked for in the text before anything else: "<|im_start|>".
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/tokenizer.h"

namespace strata::tokenizer {

class AddedTokens {
 public:
  void Add(std::string text, TokenId id, bool special);

  /// The leftmost added token at or after `from` (the longest of those that begin there); begin == npos when none.
  struct Match {
    std::size_t begin = std::string_view::npos, end = std::string_view::npos;
    TokenId id = -1;
  };
  Match Find(std::string_view text, std::size_t from, bool with_special) const;

 private:
  struct Entry {
    std::string text;
    TokenId id;
    bool special;
  };
  std::vector<Entry> by_first_byte_[256];  ///< longest first
};

}  // namespace strata::tokenizer
