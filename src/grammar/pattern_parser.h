// The syntax of regular expressions: text to tree. Which dialect, and what is refused, is told in pattern.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "grammar/char_set.h"
#include "grammar/pattern_reading.h"

namespace strata::grammar {

struct PatternNode {
  enum class Kind : std::uint8_t {
    kEmpty,
    kSet,           ///< one code point of `set`
    kSequence,      ///< all children, one after the other
    kAlternatives,  ///< any child
    kRepeat,        ///< the child `min` to `max` times
    kLookAhead,     ///< the child matches here (or does not, where `negative`); consumes nothing
    kTextStart,     ///< ^
    kTextEnd,       ///< $
  };
  Kind kind = Kind::kEmpty;
  bool negative = false;
  bool looks_ahead = false;  ///< there is a look-ahead in it
  std::uint32_t min = 0, max = 0;
  std::size_t offset = 0;  ///< in the pattern, for messages
  CharSet set;
  std::vector<PatternNode> children;
};

Result<PatternNode> ParsePatternSyntax(std::string_view pattern, PatternReading reading);

}  // namespace strata::grammar
