// A place in a grammar that is being read; errors tell it as line and column.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unicode.h"

namespace strata::grammar {

/// From 1; columns count code points.
struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};

class TextCursor {
 public:
  /// `text` is UTF-8.
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool AtEnd() const { return rest().empty(); }
  std::string_view rest() const { return text_.substr(offset_); }
  char Peek() const { return AtEnd() ? '\0' : text_[offset_]; }
  bool Looks(std::string_view text) const { return rest().starts_with(text); }
  void Skip(std::size_t bytes) {
    for (const std::size_t end = offset_ + bytes; offset_ < end; ++offset_) {
      if (text_[offset_] == '\n') {
        ++position_.line;
        position_.column = 1;
      } else if ((text_[offset_] & 0xC0) != 0x80) {
        ++position_.column;
      }
    }
  }
  bool Take(std::string_view text) {
    if (!Looks(text)) return false;
    Skip(text.size());
    return true;
  }
  /// The next code point; not at the end.
  char32_t TakeCodePoint() {
    const DecodedCodePoint decoded = DecodeUtf8(rest());
    Skip(decoded.length);
    return decoded.code_point;
  }
  /// The longest run of characters for which `belongs` holds.
  template <class Predicate>
  std::string_view TakeWhile(Predicate belongs) {
    std::size_t length = 0;
    while (length < rest().size() && belongs(rest()[length])) ++length;
    const std::string_view taken = rest().substr(0, length);
    Skip(length);
    return taken;
  }
  TextPosition position() const { return position_; }

  template <class... Args>
  std::unexpected<Error> Invalid(fmt::format_string<Args...> format, Args&&... args) const {
    return InvalidAt(position_, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  static std::unexpected<Error> InvalidAt(TextPosition at, fmt::format_string<Args...> format, Args&&... args) {
    return Fail(ErrorCode::kInvalidArgument, "the grammar, line {}, column {}: {}", at.line, at.column,
                fmt::format(format, std::forward<Args>(args)...));
  }
  std::unexpected<Error> Unsupported(std::string_view what) const {
    return Fail(ErrorCode::kUnsupported, "the grammar, line {}, column {}: {} is not supported", position_.line,
                position_.column, what);
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  TextPosition position_;
};

/// Takes exactly `count` hexadecimal digits. Errors: kInvalidArgument; also for what is no code point.
Result<char32_t> TakeHex(TextCursor& cursor, std::size_t count);

}  // namespace strata::grammar
