// Sets of numbers against exact arithmetic on the same texts.
#include "grammar/numbers.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace strata::grammar {
namespace {

Decimal Parse(std::string_view text) {
  const auto number = Decimal::Parse(text);
  EXPECT_TRUE(number) << text;
  return number.value_or(Decimal());
}

/// value / divisor by schoolbook division of digit strings: the remainder is zero.
bool IsMultiple(const Decimal& value, const Decimal& divisor) {
  // Both scaled to integers by the same power of ten.
  std::string dividend = value.WholeDigits() + value.FractionDigits();
  std::string by = divisor.WholeDigits() + divisor.FractionDigits();
  const std::size_t places = std::max(value.FractionDigits().size(), divisor.FractionDigits().size());
  dividend.append(places - value.FractionDigits().size(), '0');
  by.append(places - divisor.FractionDigits().size(), '0');
  unsigned __int128 modulus = 0, remainder = 0;
  for (const char c : by) modulus = modulus * 10 + static_cast<unsigned>(c - '0');
  for (const char c : dividend) remainder = (remainder * 10 + static_cast<unsigned>(c - '0')) % modulus;
  return remainder == 0;
}

class TextMaker {
 public:
  /// A plain number, near `other` half of the time.
  std::string Plain(const std::string& other) {
    if (Draw(2) == 0) {
      std::string text = other;
      for (int edits = Draw(3); edits > 0; --edits) {
        const std::size_t at = static_cast<std::size_t>(Draw(static_cast<int>(text.size())));
        if (text[at] >= '0' && text[at] <= '9') text[at] = Digit();
      }
      if (Draw(4) == 0) text += text.find('.') == std::string::npos ? "." + Digits(3) : Digits(3);
      if (Draw(4) == 0) text += text.find('.') == std::string::npos ? ".00" : "0";
      if (Draw(6) == 0) text = text.starts_with('-') ? text.substr(1) : "-" + text;
      if (Draw(8) == 0 && text.size() > 2 && text.find('.') == std::string::npos) text.pop_back();
      if (Decimal::Parse(text)) return text;
    }
    std::string text = Draw(3) == 0 ? "-" : "";
    text += Draw(4) == 0 ? "0" : std::string(1, static_cast<char>('1' + Draw(9))) + (Draw(2) == 0 ? "" : Digits(5));
    if (Draw(2) == 0) text += "." + Digits(4);
    if (Draw(4) == 0) text += text.find('.') == std::string::npos ? ".0" : "00";
    return text;
  }
  std::string Long() {  // up to 40 digits
    std::string text = Draw(2) == 0 ? "-" : "";
    text += static_cast<char>('1' + Draw(9));
    text += Digits(25);
    return Draw(2) == 0 ? text + "." + Digits(14) : text;
  }
  int Draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

 private:
  char Digit() { return static_cast<char>('0' + (Draw(3) == 0 ? Draw(2) * 9 : Draw(10))); }
  std::string Digits(int most) {
    std::string digits;
    for (int left = 1 + Draw(most); left > 0; --left) digits += Digit();
    return digits;
  }
  std::mt19937 random_{20250314};
};

TEST(Decimal, ReadsWhatJsonWrites) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"0", "0"},       {"-0", "0"},       {"0.000", "0"},        {"0e99999999999", "0"}, {"12", "12"},
      {"1.50", "1.5"},  {"-1.5e1", "-15"}, {"1e3", "1000"},       {"1E-3", "0.001"},      {"0.1e+1", "1"},
      {"120e-1", "12"}, {"100", "100"},    {"0.00120", "0.0012"}, {"-0.5", "-0.5"},
  };
  for (const auto& [text, plain] : cases) EXPECT_EQ(Parse(text).ToString(), plain) << text;
  for (const char* text : {"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1 ", " 1", "1.5.2", "NaN", "1e1.5"}) {
    const auto number = Decimal::Parse(text);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error().code(), ErrorCode::kInvalidArgument) << text;
  }
  for (const std::string& text : {std::string("1e401"), std::string("1e-402"), std::string("1e999999999999999999999"),
                                  "0." + std::string(1001, '7')}) {
    const auto number = Decimal::Parse(text);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error().code(), ErrorCode::kUnsupported) << text;
  }
}

TEST(Decimal, ComparesByValue) {
  const std::vector<std::string> ascending = {"-1e300", "-10", "-9.99", "-1",   "-0.1", "-0.01", "0",    "0.0099",
                                              "0.01",   "0.1", "1",     "1.01", "9.9",  "10",    "1e300"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(Decimal::Compare(Parse(ascending[i]), Parse(ascending[j])), i < j   ? -1
                                                                            : i > j ? 1
                                                                                    : 0)
          << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(Decimal::Compare(Parse("-0"), Parse("0.0")), 0);
  EXPECT_TRUE(Parse("1e2").IsInteger());
  EXPECT_TRUE(Parse("1.0").IsInteger());
  EXPECT_FALSE(Parse("1.05e1").IsInteger());
}

TEST(Numbers, Universes) {
  RegexStore store;
  const RegexId any = AnyNumber(store), plain = PlainNumber(store);
  for (const char* text : {"0", "-0", "10", "-1.50", "0.0", "123.456"}) {
    EXPECT_TRUE(store.Matches(any, text)) << text;
    EXPECT_TRUE(store.Matches(plain, text)) << text;
  }
  for (const char* text : {"1e5", "-0.1E+10", "0e-0"}) {
    EXPECT_TRUE(store.Matches(any, text)) << text;
    EXPECT_FALSE(store.Matches(plain, text)) << text;
  }
  for (const char* text : {"", "-", "01", "1.", ".1", "+1", "1e", "--1", "-01", "1.e5"}) {
    EXPECT_FALSE(store.Matches(any, text)) << text;
  }
  for (const char* text : {"0", "-0", "10"}) EXPECT_TRUE(store.Matches(IntegerText(store), text)) << text;
  for (const char* text : {"1.0", "1e3", "007"}) EXPECT_FALSE(store.Matches(IntegerText(store), text)) << text;
  for (const char* text : {"1.0", "-0.000", "12"}) EXPECT_TRUE(store.Matches(IntegerValue(store), text)) << text;
  EXPECT_FALSE(store.Matches(IntegerValue(store), "1.01"));
}

/// Every relation of `text` to `bound` is as the values are, and so are complements within the plain texts.
void CheckBounds(RegexStore& store, const std::string& bound_text, const std::string& text) {
  const Decimal bound = Parse(bound_text);
  const int order = Decimal::Compare(Parse(text), bound);
  const auto expect = [&](RegexId language, bool accepted, const char* what) {
    EXPECT_EQ(store.Matches(language, text), accepted) << text << " " << what << " " << bound_text;
    EXPECT_EQ(store.Matches(store.And({PlainNumber(store), store.Not(language)}), text), !accepted)
        << text << " not " << what << " " << bound_text;
  };
  expect(AtLeast(store, bound, false), order >= 0, ">=");
  expect(AtLeast(store, bound, true), order > 0, ">");
  expect(AtMost(store, bound, false), order <= 0, "<=");
  expect(AtMost(store, bound, true), order < 0, "<");
  expect(EqualTo(store, bound), order == 0, "==");
}

TEST(Numbers, BoundsAgreeWithComparison) {
  TextMaker maker;
  for (int round = 0; round < 400; ++round) {
    RegexStore store;
    const std::string bound = maker.Draw(4) == 0 ? maker.Long() : maker.Plain("100");
    for (int i = 0; i < 25; ++i) CheckBounds(store, bound, maker.Plain(bound));
    ASSERT_FALSE(store.exhausted());
  }
}

TEST(Numbers, BoundsAtTheEdges) {
  RegexStore store;
  for (const char* bound :
       {"0", "-0.0", "1", "-1", "9", "10", "99", "100", "0.1", "0.09", "1.5", "-1.5", "1e3", "1e-3"}) {
    for (const char* text :
         {"0",     "-0",     "0.0", "-0.00", "1",    "1.0",  "-1",     "-1.0",   "0.1",    "0.10", "0.09",
          "0.099", "0.0899", "9",   "9.9",   "10",   "10.0", "99.999", "100",    "100.01", "1000", "999",
          "0.001", "0.0009", "1.5", "1.50",  "1.49", "1.51", "-1.5",   "-1.501", "-1.4",   "-2",   "-10"}) {
      CheckBounds(store, bound, text);
    }
  }
}

TEST(Numbers, MultiplesAgreeWithDivision) {
  TextMaker maker;
  for (const char* text :
       {"1",    "2",   "3",    "5",   "7",   "10",   "11",    "16",     "25",  "100", "360",  "999", "4096", "12000",
        "1e20", "0.1", "0.01", "0.5", "2.5", "0.25", "0.125", "0.0001", "1.5", "0.3", "1e-7", "3.7", "12.34"}) {
    RegexStore store;
    const Decimal divisor = Parse(text);
    const auto multiples = MultipleOf(store, divisor);
    ASSERT_TRUE(multiples) << text << ": " << multiples.error().ToString();
    int hits = 0;
    for (int i = 0; i < 4000; ++i) {
      std::string number = maker.Plain(divisor.ToString());
      if (i % 2 == 0 && divisor.digits.size() < 6 && divisor.point < 6 && divisor.point > -8) {  // a multiple for sure
        const auto factor = static_cast<unsigned>(maker.Draw(100'000));
        const std::string scaled = std::to_string(std::stoull(divisor.digits) * factor);
        number = Parse(scaled + "e" + std::to_string(divisor.point - static_cast<std::int64_t>(divisor.digits.size())))
                     .ToString();
        if (i % 4 == 0) number = "-" + number;
      }
      const bool expected = IsMultiple(Parse(number), divisor);
      hits += expected ? 1 : 0;
      ASSERT_EQ(store.Matches(*multiples, number), expected) << number << " of " << text;
    }
    EXPECT_GT(hits, 10) << text;
    EXPECT_FALSE(store.exhausted());
  }
}

TEST(Numbers, MultiplesOfHugeDivisorsAreRefused) {
  RegexStore store;
  for (const char* text : {"20001", "123456789012345678901234567890", "0.00000123457"}) {
    const auto multiples = MultipleOf(store, Parse(text));
    ASSERT_FALSE(multiples) << text;
    EXPECT_EQ(multiples.error().code(), ErrorCode::kUnsupported);
  }
  for (const char* text : {"0", "-2"}) {
    const auto multiples = MultipleOf(store, Parse(text));
    ASSERT_FALSE(multiples) << text;
    EXPECT_EQ(multiples.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Numbers, EmptyIntersectionsAreFound) {
  RegexStore store;
  const auto between = [&](const char* low, const char* high, const char* divisor) {
    return store.And(
        {AtLeast(store, Parse(low), true), AtMost(store, Parse(high), true), *MultipleOf(store, Parse(divisor))});
  };
  EXPECT_TRUE(store.IsNothing(between("7", "14", "7")));
  EXPECT_FALSE(store.IsNothing(between("7", "14.01", "7")));
  EXPECT_TRUE(store.IsNothing(between("0.001", "0.099", "0.1")));
  EXPECT_FALSE(store.IsNothing(between("0.001", "0.1001", "0.1")));
  EXPECT_TRUE(store.IsNothing(between("5", "5", "1")));
}

}  // namespace
}  // namespace strata::grammar
