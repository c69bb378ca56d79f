// The hand-written scanners beside PCRE2: the same matches on texts drawn to sit on the borders of the rules.
#include <random>

#include <gtest/gtest.h>

#include "base/unicode.h"
#include "formats/tokenizer/pattern.h"

namespace strata::tokenizer {
namespace {

constexpr const char* kContraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
constexpr const char* kSpaces = R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::string> Expressions() {
  const std::string upper_lower = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)";
  const std::string upper_only = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)";
  const std::string contraction = kContraction, spaces = kSpaces;
  return {
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))",
      contraction + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" + spaces,
      contraction + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" + spaces,
      contraction + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*)" + spaces,
      contraction + R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" + spaces,
      R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" + spaces,
      upper_lower + contraction + "?|" + upper_only + contraction + R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" +
          spaces,
      upper_lower + "|" + upper_only + R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" + spaces,
      R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" +
          spaces,
      R"(\p{N})",
      R"(\p{N}{1,3})",
      R"(\p{N}+)",
      "[一-龥぀-ゟ゠-ヿ]+",
  };
}

std::string RandomText(std::mt19937& random) {
  static const std::vector<std::string> kParts = {
      "a",      "b",      "Z",      "S",      "s",      "'",          "'s",   "'RE", "'ll", "'\u017F", "\u017F",
      "1",      "23",     "٣",      "½",      " ",      "  ",         "\t",   "\n",  "\r",  "\r\n",    "\u00A0",
      "\u3000", "\u2028", "\u0085", ".",      "-",      "/",          "//",   "$",   "€",   "。",      "好",
      "あ",     "ー",     "龥",     "龦",     "ǅ",      "ʰ",          "é",    "ß",   "É",   "e\u0301", "\u0301",
      "\u0903", "\u20DD", "한",     "😀",     "\u200D", "\x01",       "\x7F", "_",   "Ω",   "ა",       "Ა",
      "א",      "ا",      "\u0E31", "\u200B", "\u0378", "\U000E0001", "[",    "~",   "A",   "Bc"};
  std::string text;
  const auto parts = random() % 14;
  for (unsigned i = 0; i < parts; ++i) {
    if (random() % 12 == 0) {
      const char32_t c = random() % 0x3000;
      AppendUtf8(text, c == 0 ? U'x' : c);
    } else {
      text += kParts[random() % kParts.size()];
    }
  }
  return text;
}

class Scanner : public testing::TestWithParam<std::string> {};

TEST_P(Scanner, MatchesAsTheExpressionDoes) {
  const auto scanner = MakeScanner(GetParam());
  ASSERT_NE(scanner, nullptr);
  const auto regex = MakeRegex(GetParam());
  ASSERT_TRUE(regex) << regex.error().ToString();
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = RandomText(random);
    for (std::size_t at = 0; at < text.size();) {
      const Match got = scanner->Find(text, at), want = (*regex)->Find(text, at);
      ASSERT_EQ(std::pair(got.begin, got.end), std::pair(want.begin, want.end))
          << testing::PrintToString(text) << " from " << at;
      if (!got) break;
      at = got.end;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Scanner, testing::ValuesIn(Expressions()),
                         [](const auto& info) { return std::to_string(info.index); });

TEST(Regex, HasOnigurumasClasses) {
  const auto first = [](std::string_view expression, std::string_view text) {
    const auto regex = MakeRegex(expression);
    EXPECT_TRUE(regex) << regex.error().ToString();
    const Match match = (*regex)->Find(text, 0);
    return match ? text.substr(match.begin, match.end - match.begin) : "none";
  };
  EXPECT_EQ(first(R"([\p{L}&&[^\p{Han}]]+)", "好abc好"), "abc");
  EXPECT_EQ(first(R"([^\s[0-9]]+)", "12 ab 3"), "ab");
  EXPECT_EQ(first(R"(\h+)", "xyz 09af"), "09af");
  EXPECT_EQ(first(R"([\S]+)", "  ab "), "ab");
  EXPECT_EQ(first(R"([]a]+)", "x]a"), "]a");
  EXPECT_EQ(first(R"(^b$)", "a\nb\nc"), "b");
  EXPECT_EQ(first("\\s", "\u180E"), "none");
}

TEST(Regex, StepsOverEmptyMatches) {
  const auto regex = MakeRegex("x*");
  std::vector<std::pair<std::size_t, std::size_t>> found;
  std::size_t at = 0, last_end = std::string_view::npos;
  while (const Match match = (*regex)->Find("axxé", at, last_end)) {
    found.emplace_back(match.begin, match.end);
    at = last_end = match.end;
  }
  EXPECT_EQ(found, (std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {1, 3}, {5, 5}}));
}

TEST(Regex, NamesWhatItCannotCompile) {
  const auto regex = MakeRegex("(a");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(regex.error().message().find("offset 2"), std::string::npos) << regex.error().message();
}

}  // namespace
}  // namespace strata::tokenizer
