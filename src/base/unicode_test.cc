#include "base/unicode.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(DecodeUtf8, EveryScalarValueRoundTrips) {
  for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 37) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(text, c);
    const DecodedCodePoint decoded = DecodeUtf8(text);
    ASSERT_TRUE(decoded.valid) << std::hex << static_cast<unsigned>(c);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.length, text.size());
  }
}

struct InvalidCase {
  const char* bytes;
  const char* replaced;  ///< what Python's bytes.decode(errors="replace") gives
};

class InvalidUtf8 : public testing::TestWithParam<InvalidCase> {};

TEST_P(InvalidUtf8, IsReplacedByMaximalSubparts) {
  EXPECT_FALSE(IsValidUtf8(GetParam().bytes));
  EXPECT_EQ(ReplaceInvalidUtf8(GetParam().bytes), GetParam().replaced);
}

#define R "\xEF\xBF\xBD"
INSTANTIATE_TEST_SUITE_P(Sequences, InvalidUtf8,
                         testing::Values(InvalidCase{"\x80", R}, InvalidCase{"\xC0\xAF", R R},
                                         InvalidCase{"\xC1\x81", R R}, InvalidCase{"\xE0\x80\xAF", R R R},
                                         InvalidCase{"\xED\xA0\x80", R R R}, InvalidCase{"\xF0\x9F\x98", R},
                                         InvalidCase{"a\xF0\x9F\x98z", "a" R "z"},
                                         InvalidCase{"\xF4\x90\x80\x80", R R R R}, InvalidCase{"\xF5\x80", R R},
                                         InvalidCase{"\xE2\x82", R}, InvalidCase{"\xE2\x28\xA1", R "(" R},
                                         InvalidCase{"\xFF\xFE", R R}, InvalidCase{"\xC3", R}));

TEST(CompleteUtf8Prefix, HoldsBackOnlyWhatCanStillComplete) {
  EXPECT_EQ(CompleteUtf8Prefix(""), 0u);
  EXPECT_EQ(CompleteUtf8Prefix("abc"), 3u);
  EXPECT_EQ(CompleteUtf8Prefix("a\xF0"), 1u);
  EXPECT_EQ(CompleteUtf8Prefix("a\xF0\x9F"), 1u);
  EXPECT_EQ(CompleteUtf8Prefix("a\xF0\x9F\x98"), 1u);
  EXPECT_EQ(CompleteUtf8Prefix("a\xF0\x9F\x98\x80"), 5u);
  EXPECT_EQ(CompleteUtf8Prefix("a\x80"), 2u);      // nothing can repair it
  EXPECT_EQ(CompleteUtf8Prefix("a\xC0"), 2u);      // not a lead byte
  EXPECT_EQ(CompleteUtf8Prefix("a\xE0\x80"), 3u);  // already broken
  EXPECT_EQ(CompleteUtf8Prefix("\xC3"), 0u);
}

TEST(CompleteUtf8Prefix, CuttingAnyValidTextNeverSplitsACharacter) {
  const std::string text = "h\xC3\xA9llo \xE4\xB8\x96\xE7\x95\x8C \xF0\x9F\x98\x80!";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string prefix = text.substr(0, cut);
    EXPECT_TRUE(IsValidUtf8(prefix.substr(0, CompleteUtf8Prefix(prefix)))) << cut;
    EXPECT_LE(cut - CompleteUtf8Prefix(prefix), 3u);
  }
}

TEST(ReplaceInvalidUtf8, RandomBytesBecomeValid) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 16, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_TRUE(IsValidUtf8(ReplaceInvalidUtf8(bytes)));
  }
}

TEST(FoldCase, IsNfkcCasefold) {
  EXPECT_EQ(FoldCase("Stra\u00DFe \uFF21\u00AD\u200D\uFB01"), "strasse afi");
  EXPECT_EQ(FoldCase("E\u0301"), "\u00E9");
}

TEST(Normalize, ComposesAndDecomposes) {
  EXPECT_EQ(Normalize("e\xCC\x81", NormalizationForm::kNfc), "\xC3\xA9");
  EXPECT_EQ(Normalize("\xC3\xA9", NormalizationForm::kNfd), "e\xCC\x81");
  EXPECT_EQ(Normalize("\xEF\xAC\x81", NormalizationForm::kNfkc), "fi");
  EXPECT_EQ(Normalize("\xEF\xAC\x81", NormalizationForm::kNfc), "\xEF\xAC\x81");
  EXPECT_EQ(Normalize("", NormalizationForm::kNfc), "");
}

TEST(Properties, FollowTheUnicodeCategories) {
  EXPECT_TRUE(IsLetter(U'a') && IsLetter(U'\u00E9') && IsLetter(U'\u4E16') && !IsLetter(U'1') && !IsLetter(U'_'));
  EXPECT_TRUE(IsNumber(U'7') && IsNumber(U'\u00BD') && IsNumber(U'\u2167') && !IsNumber(U'a'));
  EXPECT_TRUE(IsMark(0x0301) && !IsMark(U'a'));
  EXPECT_TRUE(IsControl(0) && IsControl(0x7F) && IsControl(0x200B) && !IsControl(U' '));
}

TEST(Properties, WhiteSpaceIsTheUnicodeProperty) {
  for (const char32_t c : {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029,
                           0x202F, 0x205F, 0x3000}) {
    EXPECT_TRUE(IsWhiteSpace(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x00, 0x1C, 0x200B, 0xFEFF, 0x41}) EXPECT_FALSE(IsWhiteSpace(c));
}

TEST(Case, MapsBeyondAscii) {
  EXPECT_EQ(ToLower(U'\u00C9'), U'\u00E9');
  EXPECT_EQ(ToUpper(U'\u00E9'), U'\u00C9');
  EXPECT_EQ(ToLower(U'1'), U'1');
}

TEST(CountCodePoints, CountsCharactersNotBytes) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("\xE4\xB8\x96\xE7\x95\x8C"), 2u);
}

}  // namespace
}  // namespace strata
