// Against both readings themselves: exact decimals, and strtod.
#include "grammar/double_reading.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace strata::grammar {
namespace {

Decimal Parse(const std::string& text) {
  const auto number = Decimal::Parse(text);
  EXPECT_TRUE(number) << text;
  return number.value_or(Decimal());
}

bool IsInteger(const std::string& text) { return text.find('.') == std::string::npos; }

/// The double that readers make of the text against the bound; an integer is taken as it is.
int ReadOrder(const std::string& text, const Decimal& bound) {
  if (IsInteger(text)) return Decimal::Compare(Parse(text), bound);
  const double read = std::strtod(text.c_str(), nullptr);
  if (std::isinf(read)) return read < 0 ? -1 : 1;
  // A bound below 2^53 is the double that it is nearest to; beyond, it is itself, and so are doubles.
  return Decimal::Compare(Decimal::Of(read), bound);
}

std::uint32_t Digits(const std::string& text) {
  const Decimal value = Parse(text);
  const auto trailing = std::max<std::int64_t>(value.point - static_cast<std::int64_t>(value.digits.size()), 0);
  return static_cast<std::uint32_t>(value.digits.size() + static_cast<std::size_t>(trailing));
}

class Texts {
 public:
  /// Constants of schemas: few digits, all digits of a double, whole ones around 2^53 and far beyond.
  Decimal Constant() {
    switch (Draw(6)) {
      case 0:
        return Decimal::Of(Draw(2001) - 1000);
      case 1:
        return Decimal::Of((Draw(2'000'001) - 1'000'000) / std::pow(10.0, Draw(12)));
      case 2:
        return Decimal::Of(Real() * std::pow(10.0, Draw(40) - 20));
      case 3:
        return Decimal::Of(Real() * 0x1p62);
      case 4:
        return Parse(std::to_string((std::int64_t{1} << (52 + Draw(3))) + Draw(5) - 2));
      default:
        return Draw(2) == 0 ? Decimal() : Parse(std::to_string(static_cast<std::int64_t>(random_())));
    }
  }

  /// A plain number equal to the constant, hardly beside it, at the middle between doubles, or anywhere.
  std::string Near(const Decimal& constant) {
    const double number = std::strtod(constant.ToString().c_str(), nullptr);
    const double next = std::nextafter(number, Draw(2) == 0 ? HUGE_VAL : -HUGE_VAL);
    switch (Draw(6)) {
      case 0:
        return constant.ToString() + (constant.IsInteger() && Draw(2) == 0 ? ".0" : "");
      case 1:  // a double exactly, as far as 40 places show it
        return fmt::format("{:.{}f}", Draw(2) == 0 ? number : next, Draw(40) + 1);
      case 2:
        return Edited(fmt::format("{:.{}f}", number, 15 + Draw(12)));
      case 3:  // long double has the middle between two doubles
        return Edited(fmt::format("{:.{}f}", (static_cast<long double>(number) + next) / 2, 15 + Draw(40)));
      case 4:
        return Edited(constant.ToString());
      default:
        return Decimal::Of(number + Real() * std::pow(10.0, Draw(20) - 16)).ToString();
    }
  }
  int Draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

 private:
  double Real() { return std::uniform_real_distribution(-1.0, 1.0)(random_); }
  /// With a last digit more or less, or more digits.
  std::string Edited(std::string text) {
    if (Draw(2) == 0 && text.back() >= '1' && text.back() <= '8') text.back() += Draw(2) == 0 ? 1 : -1;
    if (Draw(2) == 0) text += (IsInteger(text) ? "." : "") + std::string(static_cast<std::size_t>(Draw(9)), '0') + "1";
    return text;
  }
  std::mt19937_64 random_{20261127};
};

TEST(DoubleReading, ShortestDecimalsOfDoubles) {
  EXPECT_EQ(Decimal::Of(0.1).ToString(), "0.1");
  EXPECT_EQ(Decimal::Of(-0.0).ToString(), "0");
  EXPECT_EQ(Decimal::Of(0.1 + 0.2).ToString(), "0.30000000000000004");
  EXPECT_EQ(Decimal::Of(1e22).ToString(), "10000000000000000000000");
  EXPECT_EQ(Decimal::Of(0x1p62).ToString(), "4611686018427387904");  // not …388000, as the shortest would be
  EXPECT_EQ(Decimal::Of(5e-324).FractionDigits().size(), 324U);
}

TEST(DoubleReading, BoundsHoldByBothReadings) {
  Texts texts;
  int accepted = 0, apart = 0;
  for (int round = 0; round < 600; ++round) {
    RegexStore store;
    const Decimal bound = texts.Constant();
    const auto check = [&](RegexId language, const std::string& text, bool exact, bool read) {
      const bool accepts = store.Matches(language, text);
      if (accepts) {
        EXPECT_TRUE(exact && read) << text << " beside " << bound.ToString();
      } else if (exact && read) {
        EXPECT_FALSE(IsInteger(text) || Digits(text) <= 15) << text << " beside " << bound.ToString();
      }
      accepted += accepts ? 1 : 0;
      apart += exact != read ? 1 : 0;
    };
    const RegexId above = SurelyAtLeast(store, bound, true), below = SurelyAtMost(store, bound, true);
    const RegexId at_least = SurelyAtLeast(store, bound, false), at_most = SurelyAtMost(store, bound, false);
    const RegexId equal = SurelyEqualTo(store, bound);
    for (int i = 0; i < 40; ++i) {
      const std::string text = texts.Near(bound);
      const int exact = Decimal::Compare(Parse(text), bound), read = ReadOrder(text, bound);
      check(above, text, exact > 0, read > 0);
      check(at_least, text, exact >= 0, read >= 0);
      check(below, text, exact < 0, read < 0);
      check(at_most, text, exact <= 0, read <= 0);
      check(equal, text, exact == 0, read == 0);
    }
    ASSERT_FALSE(store.exhausted());
  }
  EXPECT_GT(accepted, 10'000);
  EXPECT_GT(apart, 1'000);  // or nothing has been tried
}

TEST(DoubleReading, BoundsByExample) {
  RegexStore store;
  const RegexId below_one = SurelyAtMost(store, Parse("1"), true), positive = SurelyAtLeast(store, Decimal(), true);
  EXPECT_FALSE(store.Matches(below_one, "0.99999999999999999999"));
  EXPECT_TRUE(store.Matches(below_one, "0.99999999999999988"));  // 17 digits, and a double below 1
  EXPECT_TRUE(store.Matches(positive, "3.14159265358979323846"));
  EXPECT_TRUE(store.Matches(positive, "0." + std::string(300, '0') + "1"));
  EXPECT_FALSE(store.Matches(positive, "0." + std::string(400, '0') + "1"));  // read as 0
  EXPECT_FALSE(store.Matches(positive, "-0.0"));
}

TEST(DoubleReading, ShortNumbers) {
  RegexStore store;
  const RegexId any = ShortNumber(store, 0, true);
  for (const std::string& text : {std::string("0"), std::string("-0.000"), std::string("123456789012345.0"),
                                  std::string("12345678901234567890"), std::string("-0.000000000123456789012345"),
                                  std::string("1.2345678901234500000"), "0." + std::string(400, '0')}) {
    EXPECT_TRUE(store.Matches(any, text)) << text;
  }
  for (const char* text :
       {"1234567890123456.0", "1.234567890123456", "0.1234567890123456", "01", "1.", ".5", "", "-"}) {
    EXPECT_FALSE(store.Matches(any, text)) << text;
  }
  EXPECT_FALSE(store.Matches(any, "0." + std::string(310, '0') + "1"));

  const RegexId cents = ShortNumber(store, 2, false);
  for (const char* text : {"1234567890123", "1234567890123.45", "12345678901.2345", "0.00000000000000000123"}) {
    EXPECT_TRUE(store.Matches(cents, text)) << text;
  }
  for (const char* text : {"12345678901234", "12345678901234.5", "123456789012345678"}) {
    EXPECT_FALSE(store.Matches(cents, text)) << text;
  }
  const RegexId tiny = ShortNumber(store, 20, false);
  EXPECT_TRUE(store.Matches(tiny, "0.00000123456789012345"));
  EXPECT_FALSE(store.Matches(tiny, "0.0000123"));  // 16 digits down to the 20th place
}

}  // namespace
}  // namespace strata::grammar
