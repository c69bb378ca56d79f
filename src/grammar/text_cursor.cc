#include "grammar/text_cursor.h"

#include <cstdint>

#include "base/hex.h"
#include "grammar/char_set.h"

namespace strata::grammar {

Result<char32_t> TakeHex(TextCursor& cursor, std::size_t count) {
  const TextPosition at = cursor.position();
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int digit = HexDigit(cursor.Peek());
    if (digit < 0) return TextCursor::InvalidAt(at, "expected {} hexadecimal digits", count);
    value = value << 4 | static_cast<std::uint32_t>(digit);
    cursor.Skip(1);
  }
  if (value > kLastCodePoint) return TextCursor::InvalidAt(at, "beyond Unicode");
  return value;
}

}  // namespace strata::grammar
