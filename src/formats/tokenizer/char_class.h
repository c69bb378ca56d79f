// The Unicode properties that scanners ask for at every character, as bits from one table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::tokenizer {

enum CharClass : std::uint16_t {
  kLetter = 1,          ///< \p{L}
  kNumber = 2,          ///< \p{N}
  kMark = 4,            ///< \p{M}
  kPunctuation = 8,     ///< \p{P}
  kSymbol = 16,         ///< \p{S}
  kSpace = 32,          ///< White_Space, which is \s
  kUpperLetter = 64,    ///< \p{Lu}, \p{Lt}
  kLowerLetter = 128,   ///< \p{Ll}
  kOtherLetter = 256,   ///< \p{Lm}, \p{Lo}
  kNewline = 512,       ///< CR, LF
  kWord = 1024,         ///< Rust's \w: alphabetic, marks, decimal digits, connectors, joiners
  kNonspacing = 2048,   ///< \p{Mn}
  kOther = 4096,        ///< \p{C} without unassigned
  kAsciiPunct = 8192,   ///< the 32 ASCII characters !..~ that are no letters or digits
  kAsciiLetter = 16384  ///< A-Z, a-z
};

/// The bits of every code point, in blocks of 256 of which equal ones are shared.
class CharTable {
 public:
  CharTable();
  /// `c` is at most U+10FFFF.
  std::uint16_t operator[](char32_t c) const { return blocks_[block_of_[c / kBlock]][c % kBlock]; }

 private:
  static constexpr char32_t kLimit = 0x110000, kBlock = 256;
  std::array<std::uint16_t, kLimit / kBlock> block_of_{};
  std::vector<std::array<std::uint16_t, kBlock>> blocks_;
};

/// Made at the first call.
const CharTable& CharClasses();

struct Character {
  char32_t code_point;
  std::uint32_t length;  ///< bytes
};

/// Decodes the character at `at`, of text that is known to be valid UTF-8.
inline Character CharacterAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (lead < 0xF0) return {static_cast<char32_t>((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  return {
      static_cast<char32_t>((lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)),
      4};
}

/// Where the character that ends at `end` (> 0) begins.
inline std::size_t PreviousCharacter(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<std::uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

}  // namespace strata::tokenizer
