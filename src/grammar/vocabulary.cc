#include "grammar/vocabulary.h"

#include <algorithm>

#include "base/unicode.h"

namespace strata::grammar {
namespace {

std::string SpecialText(TokenId token) {
  const auto id = static_cast<std::uint32_t>(token);
  return {'\xFF', static_cast<char>(id >> 16 & 0xFF), static_cast<char>(id >> 8 & 0xFF), static_cast<char>(id & 0xFF)};
}

/// The longest prefix of whole, ordinary characters: its bytes and its characters.
struct OrdinaryPrefix {
  std::size_t bytes = 0;
  std::size_t characters = 0;
};

OrdinaryPrefix PrefixOf(std::string_view text) {
  OrdinaryPrefix prefix;
  while (prefix.bytes < text.size()) {
    const DecodedCodePoint next = DecodeUtf8(text.substr(prefix.bytes));
    if (!next.valid || next.code_point < 0x20 || next.code_point == '"' || next.code_point == '\\') break;
    prefix.bytes += next.length;
    ++prefix.characters;
  }
  return prefix;
}

}  // namespace

Vocabulary::Vocabulary(const Tokenizer& tokenizer, std::vector<TokenId> end_tokens)
    : end_tokens_(std::move(end_tokens)) {
  texts_.resize(static_cast<std::size_t>(tokenizer.vocab_size()));
  std::vector<std::pair<std::string, std::int32_t>> tokens;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const bool special = tokenizer.IsSpecial(id);
    if (special) {
      special_.emplace(tokenizer.TokenBytes(id), id);
      longest_special_ = std::max(longest_special_, tokenizer.TokenBytes(id).size());
    }
    texts_[id] = special ? SpecialText(id) : std::string(tokenizer.TokenBytes(id));
    if (!is_end(id)) tokens.emplace_back(texts_[id], id);
  }
  all_ = TokenTrie(tokens);
  ArrangeForJson(tokens);
}

bool Vocabulary::is_end(TokenId token) const { return std::ranges::find(end_tokens_, token) != end_tokens_.end(); }

std::optional<SpecialTokens::Occurrence> Vocabulary::FirstIn(std::string_view text) const {
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (std::size_t length = std::min(longest_special_, text.size() - at); length > 0; --length) {
      const auto found = special_.find(text.substr(at, length));
      if (found != special_.end()) return Occurrence{at, length, found->second};
    }
  }
  return std::nullopt;
}

void Vocabulary::ArrangeForJson(const std::vector<std::pair<std::string, std::int32_t>>& tokens) {
  std::vector<std::pair<std::string, std::int32_t>> every, very_long, closing, after, other;
  for (auto& mask : in_json_string_.ordinary) mask.assign(mask_words(), 0);
  for (const auto& [text, id] : tokens) {
    if (text.empty()) continue;
    const auto [bytes, characters] = PrefixOf(text);
    if (bytes == text.size()) {
      every.emplace_back(text, id);
      if (characters > Lexer::kFreeLimit) very_long.emplace_back(text, id);
      for (std::size_t n = characters; n <= Lexer::kFreeLimit; ++n) {
        in_json_string_.ordinary[n][static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
      }
    } else if (text[bytes] == '"' && characters <= Lexer::kFreeLimit) {
      closing.emplace_back(text, id);
      after.emplace_back(text.substr(bytes + 1), id);
      if (bytes + 1 == text.size()) in_json_string_.closing_exactly.push_back(id);
    } else {
      other.emplace_back(text, id);
    }
  }
  in_json_string_.every_ordinary = TokenTrie(std::move(every));
  in_json_string_.long_ordinary = TokenTrie(std::move(very_long));
  in_json_string_.closing = TokenTrie(std::move(closing));
  in_json_string_.after_closing = TokenTrie(std::move(after));
  in_json_string_.other = TokenTrie(std::move(other));
}

}  // namespace strata::grammar
