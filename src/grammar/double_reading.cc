#include "grammar/double_reading.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace strata::grammar {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Not all integers from here on are doubles.
constexpr double kLargeInteger = 0x1p53;
/// Different decimals of so many digits are different doubles (DBL_DIG), …
constexpr std::uint32_t kDigits = std::numeric_limits<double>::digits10;
/// … if they are not subnormal, that is with so many zeros behind the point at most.
constexpr std::uint32_t kZeros = 290;

double Nearest(const Decimal& value) { return std::strtod(value.ToString().c_str(), nullptr); }

RegexId Bounded(RegexStore& store, const Decimal& bound, bool exclusive, bool at_least) {
  const auto exactly = [&](const Decimal& limit, bool excluded) {
    return at_least ? AtLeast(store, limit, excluded) : AtMost(store, limit, excluded);
  };
  const double nearest = Nearest(bound);
  const double next = std::nextafter(nearest, at_least ? kInfinity : -kInfinity);
  // Rounding keeps order: what is not below a double is not read as one below it.
  if (std::abs(nearest) < kLargeInteger) return exclusive ? exactly(Decimal::Of(next), false) : exactly(bound, false);
  const int order = Decimal::Compare(Decimal::Of(nearest), bound) * (at_least ? 1 : -1);
  const double first = order > 0 || (order == 0 && !exclusive) ? nearest : next;
  const RegexId integers = store.And({IntegerText(store), exactly(bound, exclusive)});
  return std::isinf(first) ? integers : store.Or({integers, exactly(Decimal::Of(first), false)});
}

}  // namespace

RegexId SurelyAtLeast(RegexStore& store, const Decimal& bound, bool exclusive) {
  return Bounded(store, bound, exclusive, true);
}

RegexId SurelyAtMost(RegexStore& store, const Decimal& bound, bool exclusive) {
  return Bounded(store, bound, exclusive, false);
}

RegexId SurelyEqualTo(RegexStore& store, const Decimal& value) {
  const RegexId equal = EqualTo(store, value);
  const bool is_double = Decimal::Compare(Decimal::Of(Nearest(value)), value) == 0;
  return is_double ? equal : store.And({IntegerText(store), equal});
}

RegexId ShortNumber(RegexStore& store, std::uint32_t places, bool long_integers) {
  const RegexId zero = store.Char('0'), point = store.Char('.');
  const RegexId digit = store.Set(CharSet({{'0', '9'}})), first = store.Set(CharSet({{'1', '9'}}));
  const RegexId zeros = store.Star(zero), some_zeros = store.Repeat(zero, 1, kUnbounded);
  // Behind the point: one of `some`, and zeros; or zeros alone.
  const auto fraction = [&](RegexId some) {
    return store.Optional(store.Concat(point, store.Or({some_zeros, store.Concat(some, zeros)})));
  };
  const std::uint32_t most_whole = kDigits - std::min(places, kDigits);
  RegexId behind = long_integers ? store.Star(digit) : RegexStore::kNothing;  // `whole` digits; from the back
  for (std::uint32_t whole = most_whole; whole > 0; --whole) {
    const RegexId some = whole < kDigits ? store.Repeat(digit, 1, kDigits - whole) : RegexStore::kNothing;
    behind = store.Or({fraction(some), store.Concat(digit, behind)});
  }
  const std::uint32_t least_zeros = places - std::min(places, kDigits);
  const RegexId small =
      least_zeros > kZeros
          ? RegexStore::kNothing
          : store.Concat({store.Repeat(zero, least_zeros, kZeros), first, store.Repeat(digit, 0, kDigits - 1)});
  return store.Concat(store.Optional(store.Char('-')),
                      store.Or({store.Concat(first, behind), store.Concat(zero, fraction(small))}));
}

}  // namespace strata::grammar
