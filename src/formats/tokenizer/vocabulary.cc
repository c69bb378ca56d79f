#include "formats/tokenizer/vocabulary.h"

#include <bit>

#include "base/hash.h"

namespace strata::tokenizer {

StringIndex::StringIndex(const std::vector<std::string>& strings) : strings_(&strings) {
  slots_.assign(std::bit_ceil(strings.size() * 2 + 2), -1);
  mask_ = slots_.size() - 1;
  for (std::size_t id = 0; id < strings.size(); ++id) {
    if (strings[id].empty()) continue;
    std::size_t at = Hash64(strings[id]) & mask_;
    while (slots_[at] >= 0 && strings[static_cast<std::size_t>(slots_[at])] != strings[id]) at = (at + 1) & mask_;
    slots_[at] = static_cast<TokenId>(id);
  }
}

std::optional<TokenId> StringIndex::Find(std::string_view text) const {
  for (std::size_t at = Hash64(text) & mask_; slots_[at] >= 0; at = (at + 1) & mask_) {
    if ((*strings_)[static_cast<std::size_t>(slots_[at])] == text) return slots_[at];
  }
  return std::nullopt;
}

}  // namespace strata::tokenizer
