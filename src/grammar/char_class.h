// Named sets of code points: the classes of ECMA-262 and POSIX, Unicode's properties (data from utf8proc), and closure
// under case.
#pragma once

#include <optional>
#include <string_view>

#include "grammar/char_set.h"

namespace strata::grammar {

const CharSet& DigitChars();  ///< \d: ASCII
const CharSet& WordChars();   ///< \w: ASCII letters, digits and _
const CharSet& SpaceChars();  ///< \s: ECMA-262 WhiteSpace and LineTerminator
const CharSet& LineTerminators();

/// \p{name}: a General_Category by its short or long name, ASCII, Any, Assigned, ASCII_Hex_Digit, Hex_Digit or
/// White_Space; also with "General_Category=" or "gc=" before it. nullopt for any other property.
std::optional<CharSet> UnicodeProperty(std::string_view name);

/// [:name:] in its ASCII meaning; nullopt for a name that POSIX does not have.
std::optional<CharSet> PosixClass(std::string_view name);

/// `set` and all that folds to the same as one of its members (Unicode's simple case folding, as ECMA-262's i and u).
CharSet CloseUnderCase(const CharSet& set);

}  // namespace strata::grammar
