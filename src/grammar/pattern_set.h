// What matches one code point in a regular expression: escapes and classes.
#pragma once

#include <optional>

#include "base/result.h"
#include "grammar/char_set.h"
#include "grammar/pattern_cursor.h"

namespace strata::grammar {

/// An escape's meaning. `character` where it names one code point, which may then begin or end a range.
struct EscapedSet {
  CharSet set;
  std::optional<char32_t> character;
};

/// What follows a backslash that has been taken, except for assertions and references.
Result<EscapedSet> ParseEscape(PatternCursor& cursor, PatternFlags flags);

/// What follows a [ that has been taken, up to and with its ].
Result<CharSet> ParseClass(PatternCursor& cursor, PatternFlags flags);

}  // namespace strata::grammar
