// Tokens that are looked for in the text before anything else: "<|im_start|>".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/tokenizer.h"
#include "formats/tokenizer/byte_trie.h"

namespace strata::tokenizer {

struct AddedToken {
  std::string text;
  TokenId id = -1;
  bool special = false;
  bool single_word = false;  ///< only where no word character stands beside it
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< ... and behind it
  bool normalized = false;   ///< looked for in the normalised text, itself normalised
};

/// One kind of added tokens, the normalised or the others.
class AddedTokens {
 public:
  /// Looks for `pattern`, which is token.text or what normalising made of it.
  void Add(AddedToken token, std::string_view pattern);
  bool empty() const { return trie_.empty(); }

  /// Calls plain(text) for what lies between tokens, and token(id) for those. Matches are the leftmost ones, the
  /// longest of those that begin there; one that may not count (single_word, or special where !parse_special) is text.
  template <class Plain, class Token>
  void Split(std::string_view text, bool parse_special, Plain plain, Token token) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      if (!trie_.MayBegin(text[at])) {
        ++at;
        continue;
      }
      std::size_t length = 0;
      std::int32_t entry = -1;
      trie_.ForEachPrefix(text, at, [&](std::size_t found, std::int32_t value) {
        length = found;
        entry = value;
      });
      if (entry < 0) {
        ++at;
        continue;
      }
      const AddedToken& added = tokens_[static_cast<std::size_t>(entry)];
      std::size_t begin = at, end = at + length;
      at = end;
      if (added.special && !parse_special) continue;
      if (added.single_word && !StandsAlone(text, begin, end)) continue;
      Extend(text, added, done, begin, end);
      if (begin > done) plain(text.substr(done, begin - done));
      token(added.id);
      done = end;
      at = std::max(at, end);
    }
    if (done < text.size()) plain(text.substr(done));
  }

 private:
  static bool StandsAlone(std::string_view text, std::size_t begin, std::size_t end);
  static void Extend(std::string_view text, const AddedToken& token, std::size_t done, std::size_t& begin,
                     std::size_t& end);
  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
};

}  // namespace strata::tokenizer
