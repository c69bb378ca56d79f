// Numbers as JSON writes them, and sets of them as regular languages over that text.
//
// Two universes. AnyNumber is every JSON number with an exponent of at most 299. PlainNumber is those without an
// exponent: bounds and divisibility are regular only there. What the functions below give is exact within PlainNumber:
// And({PlainNumber(store), X}) is the plain texts whose value is in X, and And({PlainNumber(store), store.Not(X)})
// those whose value is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "grammar/regex.h"

namespace strata::grammar {

/// An exact decimal: (-1)^negative x 0.d1d2d3… x 10^point, d1 and the last digit not 0; zero has no digits.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t point = 0;

  /// A JSON number. Errors: kInvalidArgument; kUnsupported beyond 10^±400 or 1,000 digits.
  static Result<Decimal> Parse(std::string_view json_number);
  /// The shortest decimal whose nearest double is `number`, which is finite; from 2^53 on, `number` itself.
  static Decimal Of(double number);
  bool IsInteger() const;  ///< the value, however it was written
  /// Negative, zero or positive as a < b, a == b, a > b.
  static int Compare(const Decimal& a, const Decimal& b);
  std::string WholeDigits() const;     ///< before the point, "0" at least
  std::string FractionDigits() const;  ///< behind it, without trailing zeros; may be empty
  std::string ToString() const;        ///< the shortest plain text
};

RegexId AnyNumber(RegexStore& store);
RegexId PlainNumber(RegexStore& store);
/// Integers as integers are written: no fraction, no exponent, no leading zeros; "-0" is one.
RegexId IntegerText(RegexStore& store);
/// Plain texts with a whole value, "1.00" too.
RegexId IntegerValue(RegexStore& store);
RegexId EqualTo(RegexStore& store, const Decimal& value);
/// value >= bound, or > bound where `exclusive`.
RegexId AtLeast(RegexStore& store, const Decimal& bound, bool exclusive);
RegexId AtMost(RegexStore& store, const Decimal& bound, bool exclusive);
/// Errors: kInvalidArgument where divisor <= 0; kUnsupported where the automaton would need more than 20,000 states.
Result<RegexId> MultipleOf(RegexStore& store, const Decimal& divisor);

}  // namespace strata::grammar
