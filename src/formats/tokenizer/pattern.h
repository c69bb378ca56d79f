// What a pre-tokenizer or normalizer looks for in a text: a string, a regular expression, or a hand-written scanner for
// one of the well-known expressions.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strata::tokenizer {

struct Match {
  std::size_t begin = std::string_view::npos, end = std::string_view::npos;
  explicit operator bool() const { return begin != std::string_view::npos; }
};

class Pattern {
 public:
  virtual ~Pattern() = default;
  /// The leftmost match at or after `from`, in valid UTF-8. An expression may match the empty string, but not at
  /// `last_end`, where the match before ended: so a loop over all matches comes to its end.
  virtual Match Find(std::string_view text, std::size_t from, std::size_t last_end = std::string_view::npos) const = 0;
};

/// Finds `text` as it stands; an empty one is never found.
std::unique_ptr<Pattern> MakeLiteral(std::string text);

/// An expression in Oniguruma's syntax, as tokenizer.json has it: by a scanner when there is one for it, else by PCRE2.
/// Errors: kUnsupported with PCRE2's message and the offset.
Result<std::unique_ptr<Pattern>> MakeExpression(std::string_view expression);

/// Always by PCRE2 (what the scanners are tested against).
Result<std::unique_ptr<Pattern>> MakeRegex(std::string_view expression);

/// The scanner that matches exactly as `expression` does; nullptr when there is none.
std::unique_ptr<Pattern> MakeScanner(std::string_view expression);

}  // namespace strata::tokenizer
