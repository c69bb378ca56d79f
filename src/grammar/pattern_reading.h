// Validators do not agree on what a regular expression means: JSON Schema names ECMA-262, Python's are checked by re.
#pragma once

#include <cstdint>

namespace strata::grammar {

/// Of \d, \w, \s and . (what $ means before a last line feed is always ECMA-262's). A complement turns kNarrow and
/// kWide around.
enum class PatternReading : std::uint8_t {
  kEcma,    ///< as ECMA-262 says
  kNarrow,  ///< what ECMA-262 and Python, whose \d, \w and \s are Unicode's, both accept
  kWide,    ///< what one of them accepts
};

inline PatternReading OfComplement(PatternReading reading) {
  return reading == PatternReading::kEcma     ? reading
         : reading == PatternReading::kNarrow ? PatternReading::kWide
                                              : PatternReading::kNarrow;
}

}  // namespace strata::grammar
