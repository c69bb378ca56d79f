#include "formats/tokenizer/added_tokens.h"

#include <algorithm>

namespace strata::tokenizer {

void AddedTokens::Add(std::string text, TokenId id, bool special) {
  if (text.empty()) return;
  std::vector<Entry>& entries = by_first_byte_[static_cast<unsigned char>(text.front())];
  const auto place = std::ranges::find_if(entries, [&](const Entry& e) { return e.text.size() < text.size(); });
  entries.insert(place, {std::move(text), id, special});
}

AddedTokens::Match AddedTokens::Find(std::string_view text, std::size_t from, bool with_special) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    for (const Entry& entry : by_first_byte_[static_cast<unsigned char>(text[at])]) {
      if (entry.special && !with_special) continue;
      if (text.substr(at).starts_with(entry.text)) return {at, at + entry.text.size(), entry.id};
    }
  }
  return {};
}

}  // namespace strata::tokenizer
