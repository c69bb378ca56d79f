// Regular expressions against JavaScript's and Python's answers (testdata/patterns.json, made by
// tools/golden/grammar_patterns.py), and what is refused.
#include "grammar/pattern.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace strata::grammar {
namespace {

TEST(Pattern, AgreesWithJavaScriptAndPython) {
  const auto cases = nlohmann::json::parse(std::ifstream(STRATA_SOURCE_DIR "/src/grammar/testdata/patterns.json"));
  ASSERT_GT(cases.size(), 150u);
  for (const auto& test : cases) {
    RegexStore store;
    const auto pattern = test["pattern"].get<std::string>();
    const auto regex = ParsePattern(store, pattern, Anchoring::kSearch);
    ASSERT_TRUE(regex) << pattern << ": " << regex.error().ToString();
    for (const auto& text : test["accepts"]) {
      EXPECT_TRUE(store.Matches(*regex, text.get<std::string>())) << pattern << " should accept " << text;
    }
    for (const auto& text : test["rejects"]) {
      EXPECT_FALSE(store.Matches(*regex, text.get<std::string>())) << pattern << " should reject " << text;
    }
    EXPECT_FALSE(store.exhausted()) << pattern;
  }
}

struct WholeCase {
  const char* pattern;
  std::vector<const char*> accepts, rejects;
};

TEST(Pattern, WholeTexts) {
  const std::vector<WholeCase> cases = {
      {"a|b", {"a", "b"}, {"", "ab", "xa"}},
      {"^a|b$", {"a", "b"}, {"ab", "ax"}},
      {"a^b|c", {"c"}, {"ab"}},
      {"(?=ab).{3}", {"abc"}, {"ab", "acb", "abcd"}},
      {"(?!ab).*", {"", "a", "ac"}, {"ab", "abc"}},
      {"a(?!b)", {"a"}, {"ab"}},
      {"(?:(?!foo).)*", {"", "fo", "barfo"}, {"foo", "xfoox"}},
      {"[[:alpha:]]+[[:^digit:]]", {"ab", "a-"}, {"1a", "a1"}},
      {"[[:space:][:punct:]]", {" ", "!"}, {"a"}},
      {"[[:alpha:]", {"a", "[", ":"}, {"b"}},  // a class that is not closed: JavaScript's reading
      {R"(\x{1F600}\U0001F600)", {"😀😀"}, {"😀"}},
      {R"(\pL\PL)", {"a1"}, {"aa"}},
      {R"([\uD800-\uDFFF]|x)", {"x"}, {"\uFFFD"}},  // surrogates are in no text
      {"(?i)a(?-i)b", {"ab", "Ab"}, {"aB"}},
      {"a(?i)b|c", {"ab", "aB", "C"}, {"AB"}},
      {"(?i:a)b", {"Ab", "ab"}, {"aB"}},
      {"(?s).", {"\n", "a"}, {""}},
      {"(?m)a", {"a"}, {"b"}},
      {"a{1,100000}", {"a", "aaa"}, {""}},
      {"(?:a{0,1000}){0,1000}", {"", "aaa"}, {"b"}},
  };
  for (const WholeCase& test : cases) {
    RegexStore store;
    const auto regex = ParsePattern(store, test.pattern, Anchoring::kWhole);
    ASSERT_TRUE(regex) << test.pattern << ": " << regex.error().ToString();
    for (const char* text : test.accepts) EXPECT_TRUE(store.Matches(*regex, text)) << test.pattern << " on " << text;
    for (const char* text : test.rejects) EXPECT_FALSE(store.Matches(*regex, text)) << test.pattern << " on " << text;
  }
}

struct Refusal {
  std::string pattern;
  ErrorCode code;
  const char* words;
};

TEST(Pattern, NarrowIsWhatBothReadingsAcceptAndWideWhatOneDoes) {
  struct Case {
    const char* pattern;
    const char* text;
    bool ecma, narrow, wide;
  };
  const std::vector<Case> cases = {
      {R"(\d)", "٣", false, false, true},      {R"(\D)", "٣", true, false, true},
      {R"(\D)", "a", true, true, true},        {R"(\w)", "é", false, false, true},
      {R"(\W)", "é", true, false, true},       {R"(\W)", "-", true, true, true},
      {R"(\s)", "\uFEFF", true, false, true},  {R"(\s)", "\x1D", false, false, true},
      {R"(\S)", "\x1D", true, false, true},    {R"(\S)", "\uFEFF", false, false, true},
      {R"([^\s])", "\x1D", true, false, true}, {R"([^\W])", "é", false, false, true},
      {R"([\d-])", "-", true, true, true},     {R"((?!\d).)", "٣", true, false, true},
      {R"((?=\D).)", "٣", true, false, true},  {".", "\u2028", false, false, true},
      {"(?s).", "\u2028", true, true, true},
  };
  for (const Case& test : cases) {
    for (const auto& [reading, want] : {std::pair(PatternReading::kEcma, test.ecma),
                                        {PatternReading::kNarrow, test.narrow},
                                        {PatternReading::kWide, test.wide}}) {
      RegexStore store;
      const auto regex = ParsePattern(store, test.pattern, Anchoring::kWhole, reading);
      ASSERT_TRUE(regex) << test.pattern;
      EXPECT_EQ(store.Matches(*regex, test.text), want) << test.pattern << " " << static_cast<int>(reading);
    }
  }
}

TEST(Pattern, RefusalsNameThePlace) {
  const auto invalid = ErrorCode::kInvalidArgument, unsupported = ErrorCode::kUnsupported;
  const std::vector<Refusal> cases = {
      {"ab(c", invalid, "offset 2: a group without )"},
      {"ab)c", invalid, "offset 2: a ) that closes nothing"},
      {"[ab", invalid, "offset 0: a class without ]"},
      {"x[z-a]", invalid, "offset 2: a range that runs backwards"},
      {"*a", invalid, "offset 0: nothing to repeat"},
      {"a|{2}", invalid, "offset 2: nothing to repeat"},
      {"a**", invalid, "offset 2: nothing to repeat"},
      {"a{2}{3}", invalid, "offset 4: nothing to repeat"},
      {"a{3,2}", invalid, "at least 3 and at most 2"},
      {"a\\", invalid, "a backslash at the end"},
      {"\\a", invalid, "unknown escape \\a"},
      {"\\xZ1", invalid, "expected 2 hex digits"},
      {"\\u12", invalid, "expected 4 hex digits"},
      {"\\u{110000}", invalid, "no code point"},
      {"\\c1", invalid, "\\c without a letter"},
      {"(?<>a)", invalid, "empty name"},
      {"(?<n", invalid, "no '>'"},
      {"(?)", invalid, "a group of no kind"},
      {"\xFF", invalid, "not UTF-8"},
      {"(a)\\1", unsupported, "offset 4 of the regular expression: a back-reference"},
      {"(?<n>a)\\k<n>", unsupported, "a back-reference"},
      {"(?P<n>a)(?P=n)", unsupported, "a reference to a group"},
      {"a(?<=a)b", unsupported, "offset 1 of the regular expression: look-behind"},
      {"(?<!a)b", unsupported, "look-behind"},
      {"\\bword", unsupported, "offset 0 of the regular expression: a word boundary"},
      {"a\\B", unsupported, "a word boundary"},
      {"(?>a)", unsupported, "an atomic group"},
      {"a++", unsupported, "a possessive repetition"},
      {"a{,3}", unsupported, "{,n}"},
      {"(?m)^a", unsupported, "of lines"},
      {"(?x)a b", unsupported, "this kind of group"},
      {"(?R)", unsupported, "this kind of group"},
      {"\\p{Script=Greek}", unsupported, "the Unicode property 'Script=Greek'"},
      {"[[=a=]]", unsupported, "a collating element"},
      {"\\01", unsupported, "an octal escape"},
      {"\\Rx", unsupported, "the escape \\R"},
      {"(?:(?=a)b|c)*d", unsupported, "look-ahead in an unbounded repetition"},
      {"^(?:(?:(?:(?=a)a){99}){99}){99}$", unsupported, "so much of a repeated look-ahead"},
      {std::string(201, '(') + std::string(201, ')'), unsupported, "more than 200 groups deep"},
  };
  for (const Refusal& test : cases) {
    RegexStore store;
    const auto regex = ParsePattern(store, test.pattern, Anchoring::kSearch);
    ASSERT_FALSE(regex) << test.pattern;
    EXPECT_EQ(regex.error().code(), test.code) << test.pattern;
    EXPECT_NE(regex.error().message().find(test.words), std::string::npos)
        << test.pattern << ": " << regex.error().message();
  }
}

TEST(Pattern, DeepButBoundedNestingIsFine) {
  RegexStore store;
  const auto regex = ParsePattern(store, std::string(200, '(') + "a" + std::string(200, ')'), Anchoring::kWhole);
  ASSERT_TRUE(regex);
  EXPECT_TRUE(store.Matches(*regex, "a"));
}

}  // namespace
}  // namespace strata::grammar
