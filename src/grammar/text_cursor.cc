#include "grammar/text_cursor.h"

#include <cstdint>

#include "grammar/char_set.h"

namespace strata::grammar {

Result<char32_t> TakeHex(TextCursor& cursor, std::size_t count) {
  const TextPosition at = cursor.position();
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = cursor.Peek();
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!letter && (c < '0' || c > '9')) return TextCursor::InvalidAt(at, "expected {} hexadecimal digits", count);
    value = value << 4 | static_cast<std::uint32_t>(letter ? (c | 0x20) - 'a' + 10 : c - '0');
    cursor.Skip(1);
  }
  if (value > kLastCodePoint) return TextCursor::InvalidAt(at, "beyond Unicode");
  return value;
}

}  // namespace strata::grammar
