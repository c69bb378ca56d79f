// A tokenizer's vocabulary, arranged once for the masks of every grammar.
//
//   auto vocabulary = std::make_shared<const Vocabulary>(*tokenizer, end_tokens);
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tokenizer.h"
#include "grammar/lexer.h"
#include "grammar/structural_tag.h"
#include "grammar/token_trie.h"

namespace strata::grammar {

/// One bit a token, the lowest bit of word 0 first.
using MaskWords = std::span<std::uint32_t>;

/// Immutable; shared by threads.
class Vocabulary : public SpecialTokens {
 public:
  /// `end_tokens` end an answer: a mask allows them where the text may end, and nowhere else.
  Vocabulary(const Tokenizer& tokenizer, std::vector<TokenId> end_tokens);

  std::int32_t size() const { return static_cast<std::int32_t>(texts_.size()); }
  std::size_t mask_words() const { return (texts_.size() + 31) / 32; }
  /// What a token spells: its bytes; for a special token 0xFF and three bytes of its id, which are no UTF-8.
  std::string_view text(TokenId token) const { return texts_[token]; }
  bool is_end(TokenId token) const;
  std::span<const TokenId> end_tokens() const { return end_tokens_; }
  std::optional<Occurrence> FirstIn(std::string_view text) const override;

  const TokenTrie& all() const { return all_; }

  /// The tokens by what they are inside a JSON string. Ordinary characters stand for themselves there.
  struct JsonStringTokens {
    /// [n]: those of at most n ordinary characters, for n up to Lexer::kFreeLimit.
    std::array<std::vector<std::uint32_t>, Lexer::kFreeLimit + 1> ordinary;
    TokenTrie every_ordinary;              ///< of any length
    TokenTrie long_ordinary;               ///< of more than kFreeLimit characters
    TokenTrie closing;                     ///< at most kFreeLimit ordinary characters, a quote, and anything
    TokenTrie after_closing;               ///< the same by what follows the quote
    std::vector<TokenId> closing_exactly;  ///< of them those that end with that quote
    TokenTrie other;                       ///< with escapes, parts of characters, or what no string can hold
  };
  const JsonStringTokens& in_json_string() const { return in_json_string_; }

 private:
  void ArrangeForJson(const std::vector<std::pair<std::string, std::int32_t>>& tokens);

  std::vector<std::string> texts_;
  std::vector<TokenId> end_tokens_;
  std::map<std::string, TokenId, std::less<>> special_;
  std::size_t longest_special_ = 0;
  TokenTrie all_;
  JsonStringTokens in_json_string_;
};

}  // namespace strata::grammar
