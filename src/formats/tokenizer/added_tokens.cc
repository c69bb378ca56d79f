#include "formats/tokenizer/added_tokens.h"

#include "formats/tokenizer/char_class.h"

namespace strata::tokenizer {

void AddedTokens::Add(AddedToken token, std::string_view pattern) {
  trie_.Insert(pattern, static_cast<std::int32_t>(tokens_.size()));
  tokens_.push_back(std::move(token));
}

bool AddedTokens::StandsAlone(std::string_view text, std::size_t begin, std::size_t end) {
  const auto is_word = [&](std::size_t at) { return (CharClasses()[CharacterAt(text, at).code_point] & kWord) != 0; };
  return (begin == 0 || !is_word(PreviousCharacter(text, begin))) && (end == text.size() || !is_word(end));
}

void AddedTokens::Extend(std::string_view text, const AddedToken& token, std::size_t done, std::size_t& begin,
                         std::size_t& end) {
  const auto is_space = [&](std::size_t at) { return (CharClasses()[CharacterAt(text, at).code_point] & kSpace) != 0; };
  while (token.lstrip && begin > done && is_space(PreviousCharacter(text, begin))) {
    begin = PreviousCharacter(text, begin);
  }
  while (token.rstrip && end < text.size() && is_space(end)) end += CharacterAt(text, end).length;
}

}  // namespace strata::tokenizer
