#include "grammar/numbers.h"

#include <charconv>
#include <cstddef>

namespace strata::grammar {
namespace {

constexpr RegexId kNothing = RegexStore::kNothing, kEmpty = RegexStore::kEmpty;
constexpr std::uint64_t kMaxResidueStates = 20'000;

/// Texts without a sign, and their order by value.
class Magnitudes {
 public:
  explicit Magnitudes(RegexStore& store) : store_(store) {}

  RegexId Digits(std::uint32_t min, std::uint32_t max) { return store_.Repeat(Between('0', '9'), min, max); }
  RegexId Between(char first, char last) {
    return first > last ? kNothing : store_.Set(CharSet({{static_cast<char32_t>(first), static_cast<char32_t>(last)}}));
  }
  RegexId Whole() { return store_.Or({store_.Char('0'), Positive(0, kUnbounded)}); }
  /// Whole numbers from 1, with `min` to `max` digits behind the first.
  RegexId Positive(std::uint32_t min, std::uint32_t max) { return store_.Concat(Between('1', '9'), Digits(min, max)); }
  RegexId Zeros() { return store_.Star(store_.Char('0')); }
  RegexId AnyFraction() { return store_.Optional(store_.Concat(store_.Char('.'), Digits(1, kUnbounded))); }
  RegexId ZeroFraction() {
    return store_.Optional(store_.Concat(store_.Char('.'), store_.Repeat(store_.Char('0'), 1, kUnbounded)));
  }
  RegexId Any() { return store_.Concat(Whole(), AnyFraction()); }
  RegexId Zero() { return store_.Concat(store_.Char('0'), ZeroFraction()); }

  RegexId Equal(const Decimal& value) {
    const std::string fraction = value.FractionDigits();
    return store_.Concat({store_.Literal(value.WholeDigits()),
                          fraction.empty() ? ZeroFraction() : store_.Concat(store_.Literal("." + fraction), Zeros())});
  }

  RegexId AtLeast(const Decimal& bound, bool exclusive) {
    const std::string whole = bound.WholeDigits();
    const auto size = static_cast<std::uint32_t>(whole.size());
    const RegexId longer = store_.Concat(Positive(size, kUnbounded), AnyFraction());
    return store_.Or({longer, SameLength(whole, FractionAtLeast(bound.FractionDigits(), exclusive), true)});
  }

  RegexId AtMost(const Decimal& bound, bool exclusive) {
    const std::string whole = bound.WholeDigits();
    RegexId shorter = kNothing;
    if (whole.size() > 1) {
      const auto more = static_cast<std::uint32_t>(whole.size() - 2);
      shorter = store_.Concat(store_.Or({store_.Char('0'), Positive(0, more)}), AnyFraction());
    }
    return store_.Or({shorter, SameLength(whole, FractionAtMost(bound.FractionDigits(), exclusive), false)});
  }

 private:
  /// Texts whose whole part has as many digits as `whole` and is larger (or smaller), or is `whole` and followed by
  /// `equal`.
  RegexId SameLength(const std::string& whole, RegexId equal, bool larger) {
    RegexId rest = equal;
    for (std::size_t i = whole.size(); i-- > 0;) {
      const auto behind = static_cast<std::uint32_t>(whole.size() - i - 1);
      const char least = i == 0 && whole.size() > 1 ? '1' : '0';  // no leading zeros
      const RegexId other = larger ? Above(whole[i]) : Below(whole[i], least);
      rest = store_.Or({store_.Concat({other, Digits(behind, behind), AnyFraction()}),
                        store_.Concat(store_.Char(static_cast<char32_t>(whole[i])), rest)});
    }
    return rest;
  }

  RegexId FractionAtLeast(const std::string& fraction, bool exclusive) {
    // Behind digits that equal the bound's: any further ones, or some that are not all zeros.
    const RegexId above = store_.Concat({Zeros(), Between('1', '9'), Digits(0, kUnbounded)});
    if (fraction.empty()) return exclusive ? store_.Concat(store_.Char('.'), above) : AnyFraction();
    RegexId rest = exclusive ? above : Digits(0, kUnbounded);
    // The zeros at the front at once: of the least double above 0 they are 323.
    const auto zeros = static_cast<std::uint32_t>(fraction.find_first_not_of('0'));
    for (std::size_t i = fraction.size(); i-- > zeros;) {
      rest = store_.Or({store_.Concat(Above(fraction[i]), Digits(0, kUnbounded)),
                        store_.Concat(store_.Char(static_cast<char32_t>(fraction[i])), rest)});
    }
    if (zeros > 0) {
      rest = store_.Or({store_.Concat({store_.Repeat(store_.Char('0'), 0, zeros - 1), Positive(0, kUnbounded)}),
                        store_.Concat(store_.Repeat(store_.Char('0'), zeros, zeros), rest)});
    }
    return store_.Concat(store_.Char('.'), rest);
  }

  RegexId FractionAtMost(const std::string& fraction, bool exclusive) {
    if (fraction.empty()) return exclusive ? kNothing : ZeroFraction();
    RegexId rest = exclusive ? kNothing : Zeros();
    for (std::size_t i = fraction.size(); i-- > 0;) {
      rest = store_.Or({store_.Concat(Below(fraction[i], '0'), Digits(0, kUnbounded)),
                        store_.Concat(store_.Char(static_cast<char32_t>(fraction[i])), rest)});
      if (i > 0) rest = store_.Or({rest, kEmpty});  // cut short it is less: the bound does not end in zeros
    }
    return store_.Optional(store_.Concat(store_.Char('.'), rest));
  }

  RegexId Above(char digit) { return Between(static_cast<char>(digit + 1), '9'); }
  RegexId Below(char digit, char least) { return Between(least, static_cast<char>(digit - 1)); }

  RegexStore& store_;
};

RegexId Signed(RegexStore& store, RegexId magnitude) {
  return store.Concat(store.Optional(store.Char('-')), magnitude);
}

RegexId Negated(RegexStore& store, RegexId magnitude) { return store.Concat(store.Char('-'), magnitude); }

/// The texts on one side of a bound. The two sides are mirror images: at least x is, with the signs turned, at most -x.
RegexId Bounded(RegexStore& store, const Decimal& bound, bool exclusive, bool at_least) {
  Magnitudes magnitudes(store);
  const auto same_sign = [&](RegexId magnitude) { return at_least ? magnitude : Negated(store, magnitude); };
  const auto other_sign = [&](RegexId magnitude) { return at_least ? Negated(store, magnitude) : magnitude; };
  if (bound.digits.empty()) {
    if (exclusive) return same_sign(magnitudes.AtLeast(bound, true));
    return store.Or({same_sign(magnitudes.Any()), other_sign(magnitudes.Zero())});
  }
  if (bound.negative != at_least) return same_sign(magnitudes.AtLeast(bound, exclusive));
  return store.Or({same_sign(magnitudes.Any()), other_sign(magnitudes.AtMost(bound, exclusive))});
}

}  // namespace

RegexId AnyNumber(RegexStore& store) {
  // Up to 299: readers of JSON make an infinity, or an error, of what no double holds.
  const RegexId hundreds = store.Concat(store.Set(CharSet({{'1', '2'}})), Magnitudes(store).Digits(2, 2));
  const RegexId exponent = store.Concat({store.Set(CharSet({{'E', 'E'}, {'e', 'e'}})),
                                         store.Optional(store.Set(CharSet({{'+', '+'}, {'-', '-'}}))),
                                         store.Or({Magnitudes(store).Digits(1, 2), hundreds})});
  return store.Concat(PlainNumber(store), store.Optional(exponent));
}

RegexId PlainNumber(RegexStore& store) { return Signed(store, Magnitudes(store).Any()); }

RegexId IntegerText(RegexStore& store) { return Signed(store, Magnitudes(store).Whole()); }

RegexId IntegerValue(RegexStore& store) { return store.Concat(IntegerText(store), Magnitudes(store).ZeroFraction()); }

RegexId EqualTo(RegexStore& store, const Decimal& value) {
  Magnitudes magnitudes(store);
  if (value.digits.empty()) return Signed(store, magnitudes.Zero());
  return value.negative ? Negated(store, magnitudes.Equal(value)) : magnitudes.Equal(value);
}

RegexId AtLeast(RegexStore& store, const Decimal& bound, bool exclusive) {
  return Bounded(store, bound, exclusive, true);
}

RegexId AtMost(RegexStore& store, const Decimal& bound, bool exclusive) {
  return Bounded(store, bound, exclusive, false);
}

Result<RegexId> MultipleOf(RegexStore& store, const Decimal& divisor) {
  if (divisor.negative || divisor.digits.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a divisor of {} is not above 0", divisor.ToString());
  }
  // divisor = modulus x 10^shift
  const std::int64_t shift = divisor.point - static_cast<std::int64_t>(divisor.digits.size());
  const auto places = static_cast<std::uint32_t>(shift < 0 ? -shift : 0);
  std::uint32_t modulus = 0;
  const char* const end = divisor.digits.data() + divisor.digits.size();
  const auto parsed = std::from_chars(divisor.digits.data(), end, modulus);
  if (parsed.ec != std::errc() || std::uint64_t{modulus} * (places + 1) > kMaxResidueStates) {
    return Fail(ErrorCode::kUnsupported, "multiples of {} need more than {} states", divisor.ToString(),
                kMaxResidueStates);
  }
  Magnitudes magnitudes(store);
  const RegexId multiples = store.DecimalMultiple(modulus, places);
  if (shift <= 0) return Signed(store, store.And({magnitudes.Any(), multiples}));
  const auto zeros = static_cast<std::uint32_t>(shift);
  const RegexId positive = store.Concat(store.And({magnitudes.Positive(0, kUnbounded), multiples}),
                                        store.Repeat(store.Char('0'), zeros, zeros));
  return Signed(store, store.Concat(store.Or({store.Char('0'), positive}), magnitudes.ZeroFraction()));
}

}  // namespace strata::grammar
