// A place in a regular expression that is being read, and the words for what is wrong with it.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unicode.h"
#include "grammar/pattern_reading.h"

namespace strata::grammar {

/// What inline flags change.
struct PatternFlags {
  bool ignore_case = false;                        ///< (?i)
  bool dot_all = false;                            ///< (?s): . matches line terminators too
  bool multi_line = false;                         ///< (?m): ^ and $ match at lines, which is refused where one occurs
  PatternReading reading = PatternReading::kEcma;  ///< not one of them, but goes the same way
};

class PatternCursor {
 public:
  /// `pattern` is UTF-8.
  explicit PatternCursor(std::string_view pattern) : pattern_(pattern) {}

  std::size_t offset() const { return offset_; }
  bool AtEnd() const { return offset_ == pattern_.size(); }
  std::string_view rest() const { return pattern_.substr(offset_); }
  bool Looks(std::string_view text) const { return rest().starts_with(text); }
  bool Take(std::string_view text) {
    if (!Looks(text)) return false;
    offset_ += text.size();
    return true;
  }
  /// The next code point; not at the end.
  char32_t TakeCodePoint() {
    const DecodedCodePoint decoded = DecodeUtf8(rest());
    offset_ += decoded.length;
    return decoded.code_point;
  }
  void Skip(std::size_t bytes) { offset_ += bytes; }

  /// The bytes up to `end`, which is skipped too; an error where it does not come.
  Result<std::string_view> TakeUntil(char end) {
    const std::size_t length = rest().find(end);
    if (length == std::string_view::npos) return Invalid("no '{}' after this", end);
    const std::string_view text = rest().substr(0, length);
    offset_ += length + 1;
    return text;
  }

  template <class... Args>
  std::unexpected<Error> Invalid(fmt::format_string<Args...> format, Args&&... args) const {
    return InvalidAt(offset_, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  static std::unexpected<Error> InvalidAt(std::size_t offset, fmt::format_string<Args...> format, Args&&... args) {
    return Fail(ErrorCode::kInvalidArgument, "not a regular expression: at offset {}: {}", offset,
                fmt::format(format, std::forward<Args>(args)...));
  }
  static std::unexpected<Error> UnsupportedAt(std::size_t offset, std::string_view what) {
    return Fail(ErrorCode::kUnsupported, "at offset {} of the regular expression: {} cannot be held", offset, what);
  }

 private:
  std::string_view pattern_;
  std::size_t offset_ = 0;
};

}  // namespace strata::grammar
