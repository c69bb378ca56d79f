#include "knowledge/lexical/analyser.h"

#include <map>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata::knowledge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Use = Analyser::Use;

std::vector<std::string> Terms(std::string_view text, const std::string& language = "english", Use use = Use::kText) {
  const Result<Analyser> analyser = Analyser::Create(language);
  EXPECT_TRUE(analyser) << analyser.error().ToString();
  std::vector<std::string> terms;
  for (TermCount& term : analyser->Analyse(text, use).terms) terms.push_back(std::move(term.term));
  return terms;
}

std::uint32_t Length(std::string_view text) { return Analyser::Create("english")->Analyse(text, Use::kText).length; }

TEST(AnalyserTest, StemsWordsAndStopsThoseThatSayNothing) {
  EXPECT_THAT(Terms("The servers are running"), ElementsAre("server", "run"));
  EXPECT_THAT(Terms("The servers are running", "none"), ElementsAre("the", "servers", "are", "running"));
  EXPECT_THAT(Terms("Die Häuser und Gärten", "german"), ElementsAre("haus", "gart"));
  EXPECT_THAT(Terms("les maisons", "french"), ElementsAre("maison"));
  EXPECT_THAT(Terms("don't the user\u2019s"), ElementsAre("user"));
  EXPECT_THAT(Terms(""), IsEmpty());
  EXPECT_THAT(Terms("... --- !!!"), IsEmpty());
}

TEST(AnalyserTest, FoldsCaseWidthAndWhatNobodySees) {
  EXPECT_THAT(Terms("STRASSE straße Ｓｔｒａｓｓｅ stra\u00ADsse", "german"), ElementsAre("strass"));
  EXPECT_THAT(Terms("ﬁle ΣΊΣΥΦΟΣ", "none"), ElementsAre("file", "σίσυφοσ"));
  EXPECT_THAT(Terms("cafe\u0301 caf\u00e9", "none"), ElementsAre("café"));
}

TEST(AnalyserTest, HasIdentifiersWholeAndInPieces) {
  EXPECT_THAT(Terms("getUserID"), ElementsAre("getuserid", "get", "user", "id"));
  EXPECT_THAT(Terms("SQL's"), ElementsAre("sql"));
  EXPECT_THAT(Terms("HTTPServer"), ElementsAre("httpserver", "http", "server"));
  EXPECT_THAT(Terms("snake_case"), ElementsAre("snake", "case", "snake_case"));
  EXPECT_THAT(Terms("src/base/hash.h"), ElementsAre("src", "base", "hash", "h", "src/base/hash.h"));
  EXPECT_THAT(Terms("mail ann.lee@example.org."),
              ElementsAre("mail", "ann", "lee", "exampl", "org", "ann.lee@example.org"));
  EXPECT_THAT(Terms("std::vector"), ElementsAre("std", "vector", "std::vector"));
  EXPECT_EQ(Length("getUserID snake_case"), 3U);
}

TEST(AnalyserTest, HasNumbersWhole) {
  EXPECT_THAT(Terms("3.14 1,234,567.5 10.0.0.1 1,23"), ElementsAre("3.14", "1234567.5", "10.0.0.1", "1", "23"));
  EXPECT_THAT(Terms("v1.2.3"), ElementsAre("v1.2.3", "1.2.3"));
  EXPECT_THAT(Terms("python3.11"), ElementsAre("python3.11", "python", "3.11"));
  EXPECT_THAT(Terms("2024-01-15"), ElementsAre("2024", "01", "15", "2024-01-15"));
  EXPECT_THAT(Terms("version 2."), ElementsAre("version", "2"));
}

TEST(AnalyserTest, PairsCharactersOfScriptsWithoutSpaces) {
  EXPECT_THAT(Terms("知识库"), ElementsAre("知", "识", "库", "知识", "识库"));
  EXPECT_THAT(Terms("知识库", "english", Use::kQuery), ElementsAre("知识", "识库"));
  EXPECT_THAT(Terms("库", "english", Use::kQuery), ElementsAre("库"));
  EXPECT_THAT(Terms("USB接口3个", "english", Use::kQuery), ElementsAre("usb", "接口", "3", "个"));
  EXPECT_THAT(Terms("ｶﾞｲﾄﾞ", "english", Use::kQuery), ElementsAre("ガイ", "イド"));
  EXPECT_EQ(Length("知识库"), 2U);
}

TEST(AnalyserTest, CountsTermsInTheOrderInWhichTheyCome) {
  const Result<Analyser> analyser = Analyser::Create("english");
  const AnalysedText text = analyser->Analyse("red blue red green reds", Use::kText);
  EXPECT_THAT(text.terms, ElementsAre(TermCount{"red", 3}, TermCount{"blue", 1}, TermCount{"green", 1}));
  EXPECT_EQ(text.length, 5U);
}

TEST(AnalyserTest, BearsLongWordsAndInvalidBytes) {
  const std::string long_word(100000, 'x');
  EXPECT_THAT(Terms(long_word), ElementsAre(std::string(128, 'x')));
  EXPECT_THAT(Terms("caf\xff\xfe red \xe4\xb8"), ElementsAre("caf", "red"));
}

TEST(AnalyserTest, NamesTheLanguagesItHas) {
  const Result<Analyser> analyser = Analyser::Create("klingon");
  ASSERT_FALSE(analyser);
  EXPECT_EQ(analyser.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(analyser.error().ToString(), testing::AllOf(HasSubstr("klingon"), HasSubstr("german")));
}

TEST(AnalyserTest, WorksFromSeveralThreads) {
  const Result<Analyser> analyser = Analyser::Create("english");
  const AnalysedText want = analyser->Analyse("The servers are running quickly", Use::kText);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        EXPECT_EQ(analyser->Analyse("The servers are running quickly", Use::kText).terms, want.terms);
      }
    });
  }
}

}  // namespace
}  // namespace strata::knowledge
