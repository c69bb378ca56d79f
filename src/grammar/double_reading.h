// Sets of plain numbers (numbers.h) that hold for a text however it is read: as the decimal that it is, and as the
// double nearest to it, which is what most readers of JSON make of a number with a fraction. 0.99999999999999999999 is
// below 1, and is read as 1.
//
// Numbers written without a fraction count as they are: Python reads them so (JSON.parse rounds those beyond 2^53).
// Decimals here are as Decimal::Of gives them, or whole.
#pragma once

#include <cstdint>

#include "grammar/numbers.h"
#include "grammar/regex.h"

namespace strata::grammar {

/// value >= bound, or > bound where `exclusive`, by both readings. Of the texts left out, which are so by one of them
/// only, none has at most 15 significant digits.
RegexId SurelyAtLeast(RegexStore& store, const Decimal& bound, bool exclusive);
RegexId SurelyAtMost(RegexStore& store, const Decimal& bound, bool exclusive);
/// Integers that are no doubles only as integers are written.
RegexId SurelyEqualTo(RegexStore& store, const Decimal& value);

/// Numbers that rounding cannot make whole, nor multiples of what has `places` digits behind the point: at most 15
/// digits, counted from the first that is not 0 to the last that is not 0 or, if that is further right, to that place.
/// Where `long_integers`, integers of any length too.
RegexId ShortNumber(RegexStore& store, std::uint32_t places, bool long_integers);

}  // namespace strata::grammar
