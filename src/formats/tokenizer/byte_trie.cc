#include "formats/tokenizer/byte_trie.h"

namespace strata::tokenizer {

void ByteTrie::Insert(std::string_view key, std::int32_t value) {
  if (key.empty()) return;
  std::uint32_t node = 0;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t child = Child(node, byte);
    if (child == 0) {
      child = static_cast<std::uint32_t>(values_.size());
      values_.push_back(-1);
      if (node == 0) {
        first_[byte] = child;
      } else {
        children_.Set(static_cast<std::uint64_t>(node) << 8 | byte, child);
      }
    }
    node = child;
  }
  values_[node] = value;
}

}  // namespace strata::tokenizer
