#include "formats/tokenizer/byte_level.h"

#include <array>

namespace strata::tokenizer {
namespace {

/// Printable bytes stand for themselves, the others for U+0100 and up, in order (GPT-2's bytes_to_unicode).
struct Alphabet {
  std::array<char32_t, 256> of_byte{};
  std::array<int, 0x144> of_character{};
};

Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.of_character.fill(-1);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const char32_t character = printable ? static_cast<char32_t>(byte) : next++;
    alphabet.of_byte[static_cast<std::size_t>(byte)] = character;
    alphabet.of_character[character] = byte;
  }
  return alphabet;
}

const Alphabet& TheAlphabet() {
  static const Alphabet alphabet = MakeAlphabet();
  return alphabet;
}

}  // namespace

std::optional<std::string> BytesFromByteLevel(std::string_view text) {
  const Alphabet& alphabet = TheAlphabet();
  std::string bytes;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    char32_t character = lead;
    // The alphabet ends at U+0143: one or two bytes of UTF-8.
    if (lead >= 0x80) {
      if (lead >= 0xC6 || lead < 0xC2 || i + 1 >= text.size()) return std::nullopt;
      character = static_cast<char32_t>(((lead & 0x1F) << 6) | (static_cast<unsigned char>(text[i + 1]) & 0x3F));
      ++i;
    }
    ++i;
    const int byte = character < alphabet.of_character.size() ? alphabet.of_character[character] : -1;
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::string ByteLevelFromBytes(std::string_view bytes) {
  const Alphabet& alphabet = TheAlphabet();
  std::string text;
  for (const char byte : bytes) {
    const char32_t character = alphabet.of_byte[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      text.push_back(static_cast<char>(character));
    } else {
      text.push_back(static_cast<char>(0xC0 | (character >> 6)));
      text.push_back(static_cast<char>(0x80 | (character & 0x3F)));
    }
  }
  return text;
}

}  // namespace strata::tokenizer
