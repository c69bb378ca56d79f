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
#include <unordered_map>
#include <vector>

#include "formats/tokenizer.h"
#include "grammar/lexeme_tokens.h"
#include "grammar/lexer.h"
#include "grammar/special_tokens.h"
#include "grammar/token_trie.h"

namespace strata::grammar {

/// One bit a token, the lowest bit of word 0 first.
using MaskWords = std::span<std::uint32_t>;
inline void SetBit(MaskWords mask, TokenId token) { mask[static_cast<std::size_t>(token) / 32] |= 1u << (token % 32); }
inline bool HasBit(std::span<const std::uint32_t> mask, TokenId token) {
  return (mask[static_cast<std::size_t>(token) / 32] >> (token % 32) & 1) != 0;
}

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
  /// The text as tokens, each as long as can be; special ones are spelled as `text` spells them. nullopt where tokens
  /// for a part of it are missing.
  std::optional<std::vector<TokenId>> Spell(std::string_view text) const;
  std::span<const TokenId> end_tokens() const { return end_tokens_; }
  std::optional<Occurrence> FirstIn(std::string_view text) const override;

  const TokenTrie& all() const { return all_; }

  /// The tokens that can stand inside a JSON string, by what they are there. Ordinary characters are those of
  /// Lexer::Freedom; "short" is of at most Lexer::kFreeLimit characters.
  struct JsonStringTokens {
    /// [n]: those of at most n ordinary characters, and nothing else.
    std::array<std::vector<std::uint32_t>, Lexer::kFreeLimit + 1> ordinary;
    TokenTrie every_ordinary;  ///< the same of any length
    TokenTrie other;           ///< with escapes, parts of characters or separators, and no closing quote
    TokenTrie closing;         ///< with the closing quote, and anything behind it

    /// Where any characters may follow:
    std::vector<std::uint32_t> any;       ///< all short ones, those that end with the closing quote as well
    std::vector<std::uint32_t> any_open;  ///< those of them without it
    TokenTrie after_closing;              ///< short ones with the closing quote, by what follows it
    TokenTrie not_short;
    /// By node of all() whose byte is a quote that opens a string: what is below it.
    std::unordered_map<std::uint32_t, LexemeTokens> below_quote;
  };
  const JsonStringTokens& in_json_string() const { return in_json_string_; }

 private:
  void ArrangeForJson(const std::vector<std::pair<std::string, std::int32_t>>& tokens);
  void LookBelowQuotes(Lexer& lexer, LexState free_string);

  std::vector<std::string> texts_;
  std::vector<TokenId> end_tokens_;
  std::map<std::string, TokenId, std::less<>> special_;
  std::size_t longest_special_ = 0;
  TokenTrie all_;
  JsonStringTokens in_json_string_;
};

}  // namespace strata::grammar
