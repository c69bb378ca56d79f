#include "grammar/vocabulary.h"

#include <algorithm>

#include "base/unicode.h"

namespace strata::grammar {
namespace {

std::string SpecialText(TokenId token) {
  const auto id = static_cast<std::uint32_t>(token);
  return {'\xFF', static_cast<char>(id >> 16 & 0xFF), static_cast<char>(id >> 8 & 0xFF), static_cast<char>(id & 0xFF)};
}

/// How many ordinary characters `text` has; nullopt where it has anything else.
std::optional<std::size_t> CountOrdinary(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) {
    const DecodedCodePoint next = DecodeUtf8(text);
    if (!next.valid || !Lexer::IsOrdinary(next.code_point)) return std::nullopt;
    text.remove_prefix(next.length);
  }
  return count;
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

std::optional<std::vector<TokenId>> Vocabulary::Spell(std::string_view text) const {
  std::vector<TokenId> tokens;
  while (!text.empty()) {
    std::size_t length = 0;
    TokenId longest = 0;
    const auto step = [&](std::size_t depth, std::uint8_t byte) {  // depth: of the node before, plus one; 0 = dead
      return depth <= text.size() && static_cast<std::uint8_t>(text[depth - 1]) == byte ? depth + 1 : 0;
    };
    all_.Walk(0, all_.size(), std::size_t{1}, step, [&](std::uint32_t node, std::size_t depth) {
      if (!all_.tokens(node).empty()) {
        length = depth - 1;
        longest = all_.tokens(node).front();
      }
      return true;
    });
    if (length == 0) return std::nullopt;
    tokens.push_back(longest);
    text.remove_prefix(length);
  }
  return tokens;
}

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
  JsonStringTokens& json = in_json_string_;
  RegexStore regexes;
  Lexer lexer(regexes);
  const LexState free_string = lexer.Next(lexer.Start(RegexStore::kAnything, Spelling::kJsonString), '"');
  std::vector<std::pair<std::string, std::int32_t>> every, other, closing, after, not_short;
  for (auto& mask : json.ordinary) mask.assign(mask_words(), 0);
  json.any.assign(mask_words(), 0);
  json.any_open.assign(mask_words(), 0);
  for (const auto& [text, id] : tokens) {
    if (text.empty()) continue;
    LexState state = free_string;
    std::size_t length = 0;  // bytes of the string's content and its quote
    while (length < text.size() && state != kDeadState && !lexer.Accepts(state)) {
      state = lexer.Next(state, static_cast<std::uint8_t>(text[length++]));
    }
    if (state == kDeadState) continue;  // no string can hold it
    const bool closes = lexer.Accepts(state);
    const std::optional<std::size_t> ordinary = CountOrdinary(text);
    // Of the others a character has a byte at least.
    const bool is_short = ordinary.value_or(length - (closes ? 1 : 0)) <= Lexer::kFreeLimit;
    if (ordinary) {
      every.emplace_back(text, id);
      for (std::size_t n = *ordinary; n <= Lexer::kFreeLimit; ++n) SetBit(json.ordinary[n], id);
    } else {
      (closes ? closing : other).emplace_back(text, id);
    }
    if (!is_short) {
      not_short.emplace_back(text, id);
      continue;
    }
    if (closes) after.emplace_back(text.substr(length), id);
    if (!closes) SetBit(json.any_open, id);
    if (length == text.size()) SetBit(json.any, id);
  }
  json.every_ordinary = TokenTrie(std::move(every));
  json.other = TokenTrie(std::move(other));
  json.closing = TokenTrie(std::move(closing));
  json.after_closing = TokenTrie(std::move(after));
  json.not_short = TokenTrie(std::move(not_short));
  LookBelowQuotes(lexer, free_string);
}

void Vocabulary::LookBelowQuotes(Lexer& lexer, LexState free_string) {
  for (std::uint32_t node = 0; node < all_.size(); ++node) {
    const TokenTrie::Node& at = all_.node(node);
    if (at.byte != '"' || at.end - node < TokenTrie::kWorthRemembering) continue;
    in_json_string_.below_quote[node].Collect(lexer, free_string, all_, node + 1, at.end);
  }
}

}  // namespace strata::grammar
