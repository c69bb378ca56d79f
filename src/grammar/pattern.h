// Regular expressions as people write them (ECMA-262 with the u flag, as JSON Schema's `pattern`; the common ground of
// Python, Rust and PCRE beside it), into RegexStore's.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/regex.h"

namespace strata::grammar {

enum class Anchoring : std::uint8_t {
  kSearch,  ///< matches a text that contains a match, as JSON Schema's `pattern` does; ^ and $ are assertions
  kWhole,   ///< the whole text must match, as structured outputs' `regex`; ^ at the start and $ at the end are implied
};

/// The language of texts that `pattern` (UTF-8) accepts. Look-ahead of either sign is supported anywhere (as an
/// intersection with what follows), ^ and $ anywhere, classes with \d \w \s \p{…} by Unicode; non-greedy and possessive
/// marks change nothing that is accepted. Errors: kInvalidArgument (not a regular expression) and kUnsupported
/// (back-references, look-behind, \b, \B), both with the offset in the pattern.
Result<RegexId> ParsePattern(RegexStore& store, std::string_view pattern, Anchoring anchoring);

}  // namespace strata::grammar
