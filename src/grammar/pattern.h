// Regular expressions as people write them (ECMA-262 with the u flag, as JSON Schema's `pattern`; the common ground of
// Python, Rust and PCRE beside it), into RegexStore's.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/pattern_reading.h"
#include "grammar/regex.h"

namespace strata::grammar {

enum class Anchoring : std::uint8_t {
  kSearch,  ///< matches a text that contains a match, as JSON Schema's `pattern` does; ^ and $ are assertions
  kWhole,   ///< the whole text must match, as structured outputs' `regex`; ^ at the start and $ at the end are implied
};

/// The language of texts that `pattern` (UTF-8) accepts. ^ and $ may stand anywhere, and look-ahead of either sign, as
/// an intersection with what follows. \d and \w are ASCII, \s and . as in ECMA-262, or as `reading` says; \p{…} takes
/// General_Category and a few binary properties, [[:alpha:]] and its like are POSIX's; lone brackets and braces are
/// themselves (annex B). Groups may be named as in Python, and (?i), (?s) and (?m) stand for themselves or for a group.
/// Lazy marks change nothing.
///
/// Errors, with the offset in the pattern: kInvalidArgument (not a regular expression) and kUnsupported
/// (back-references, look-behind, \b, \B, atomic groups and possessive marks, ^ and $ of lines, other properties,
/// look-ahead in an unbounded repetition except (?:(?!x)y)*$, and what is too large).
Result<RegexId> ParsePattern(RegexStore& store, std::string_view pattern, Anchoring anchoring,
                             PatternReading reading = PatternReading::kEcma);

}  // namespace strata::grammar
