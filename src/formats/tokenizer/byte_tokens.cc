#include "formats/tokenizer/byte_tokens.h"

#include <charconv>

#include <fmt/format.h>

namespace strata::tokenizer {

std::optional<char> ByteOfToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>') return std::nullopt;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(text.data() + 3, text.data() + 5, byte, 16);
  if (error != std::errc() || end != text.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
}

std::array<TokenId, 256> FindByteTokens(const Vocabulary& vocabulary) {
  std::array<TokenId, 256> ids;
  for (unsigned byte = 0; byte < 256; ++byte) ids[byte] = vocabulary.Find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  return ids;
}

}  // namespace strata::tokenizer
