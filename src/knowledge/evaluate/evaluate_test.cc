#include "knowledge/evaluate/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "knowledge/evaluate/configuration.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/report.h"
#include "knowledge/search/test_base.h"

namespace strata::knowledge {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(GoldenSetTest, ReadsListsAndGrades) {
  const auto golden = ParseGoldenSet(
      "{\"question\": \"q one\", \"relevant\": [\"/srv/a b.pdf\", \"upload:x\"]}\n\n"
      "{\"question\": \"q two\", \"relevant\": {\"upload:y\": 2.5}}\r\n",
      "g.jsonl");
  ASSERT_TRUE(golden) << golden.error().ToString();
  ASSERT_EQ(golden->size(), 2U);
  EXPECT_EQ((*golden)[0].relevant, (Judgements{{"file:///srv/a%20b.pdf", 1}, {"upload:x", 1}}));
  EXPECT_EQ((*golden)[1].relevant, (Judgements{{"upload:y", 2.5}}));
}

TEST(GoldenSetTest, IsReadAsItIsWritten) {
  const std::string text =
      "{\"question\":\"q "
      "one\",\"relevant\":[\"upload:x\",\"upload:y\"],\"spans\":{\"upload:y\":[[3,9]]},\"answer\":\"b\"}\n"
      "{\"question\":\"q two\",\"relevant\":{\"upload:y\":2.5},\"answer\":[\"c\",\"d\"]}\n"
      "{\"question\":\"q three\",\"unanswerable\":true}\n";
  const auto golden = ParseGoldenSet(text, "g.jsonl");
  ASSERT_TRUE(golden) << golden.error().ToString();
  EXPECT_EQ((*golden)[0].spans.at("upload:y"), (std::vector<Span>{{3, 9}}));
  EXPECT_EQ((*golden)[1].answers, (std::vector<std::string>{"c", "d"}));
  EXPECT_TRUE((*golden)[2].unanswerable);
  EXPECT_EQ(FormatGoldenSet(*golden), text);
  EXPECT_EQ(JudgedQuestions(*golden).size(), 2U);
}

TEST(GoldenSetTest, NamesTheLineThatIsWrong) {
  const std::string good = "{\"question\": \"q\", \"relevant\": [\"upload:x\"]}\n";
  for (const char* const bad :
       {"not json", "[]", R"({"question": "", "relevant": ["upload:x"]})",
        R"({"question": 1, "relevant": ["upload:x"]})", R"({"question": "q"})", R"({"question": "q", "relevant": []})",
        R"({"question": "q", "relevant": [1]})", R"({"question": "q", "relevant": {"upload:x": 0}})",
        R"({"question": "q", "relevant": ["upload:x"], "answer": 1})",
        R"({"question": "q", "relevant": ["upload:x"], "answer": [""]})",
        R"({"question": "q", "relevant": ["upload:x"], "unanswerable": true})",
        R"({"question": "q", "unanswerable": true, "answer": "a"})", R"({"question": "q", "unanswerable": 1})",
        R"({"question": "q", "relevant": ["upload:x"], "spans": {"upload:y": [[0, 1]]}})",
        R"({"question": "q", "relevant": ["upload:x"], "spans": {"upload:x": [[1, 1]]}})",
        R"({"question": "q", "relevant": ["upload:x"], "spans": {"upload:x": [0, 1]}})"}) {
    const auto golden = ParseGoldenSet(good + bad, "g.jsonl");
    ASSERT_FALSE(golden) << bad;
    EXPECT_THAT(golden.error().ToString(), HasSubstr("g.jsonl: line 2")) << bad;
  }
  EXPECT_FALSE(ParseGoldenSet("\n\n", "g.jsonl"));
}

TEST(ConfigurationTest, IsReadAndChecked) {
  const auto answering = ParseConfiguration(
      "legs=words,alpha=.25,fusion=rrf,candidates=50,ef=10,diversity=0.5,rerank=20,variants=2,hyde=yes,limit=4,"
      "source_tokens=900,neighbours=2,max_tokens=50");
  ASSERT_TRUE(answering) << answering.error().ToString();
  EXPECT_EQ(answering->source_tokens, 900);
  EXPECT_EQ(answering->neighbours, 2);
  EXPECT_EQ(answering->max_tokens, 50);
  const SearchRequest* const request = &answering->search;
  EXPECT_EQ(request->rerank, 20U);
  EXPECT_EQ(request->variants, 2);
  EXPECT_TRUE(request->hyde);
  EXPECT_EQ(request->limit, 4U);
  EXPECT_EQ(request->legs, SearchLegs::kLexical);
  EXPECT_EQ(request->alpha, .25);
  EXPECT_EQ(request->fusion, FusionMethod::kReciprocalRank);
  EXPECT_EQ(request->candidates, 50U);
  EXPECT_EQ(request->ef, 10);
  EXPECT_EQ(request->diversity_lambda, .5);
  EXPECT_EQ(ParseConfiguration("")->search.legs, SearchLegs::kBoth);
  for (const char* const bad :
       {"legs=all", "alpha=2", "alpha=nan", "alpha", "ef=0", "candidates=1x", "beta=1", "hyde=1", "rerank=-1"}) {
    EXPECT_FALSE(ParseConfiguration(bad)) << bad;
  }
}

/// Documents of which words find some, and vectors others: WordEmbedder sees all words, BM25 no stop words.
class EvaluateTest : public testing::Test {
 protected:
  EvaluateTest() {
    for (int i = 0; i < 12; ++i) {
      DocumentRecord record;
      record.uri = fmt::format("upload:{}", i);
      base_.Put(record, fmt::format("apple{} river bank\n\nbridge{} violin", static_cast<char>('a' + i),
                                    static_cast<char>('a' + i)));
      questions_.push_back({fmt::format("apple{}", static_cast<char>('a' + i)), {{record.uri, 1}}});
    }
  }
  TestBase base_;
  std::vector<GoldenQuestion> questions_;
};

TEST_F(EvaluateTest, DocumentsAreRankedOnce) {
  const auto result = Evaluate(base_.sources(), questions_, {}, "own", 3);
  ASSERT_TRUE(result) << result.error().ToString();
  ASSERT_EQ(result->questions.size(), 12U);
  for (std::size_t q = 0; q < 12; ++q) {
    const std::vector<std::string>& ranking = result->questions[q].ranking;
    ASSERT_LE(ranking.size(), 3U);
    EXPECT_EQ(ranking.front(), fmt::format("upload:{}", q));
    EXPECT_EQ(std::set<std::string>(ranking.begin(), ranking.end()).size(), ranking.size());
  }
  EXPECT_DOUBLE_EQ(result->mean.ndcg, 1);
  EXPECT_DOUBLE_EQ(result->mean.recall, 1);
}

TEST_F(EvaluateTest, AFileStandsForWhatIsInIt) {
  DocumentRecord record;
  record.uri = "upload:all.zip#inner.txt";
  base_.Put(record, "applezz river");
  for (const char* const judged : {"upload:all.zip", "upload:all.zip#inner.txt"}) {
    const std::vector<GoldenQuestion> questions = {{"applezz", {{judged, 1}}}};
    EXPECT_DOUBLE_EQ(Evaluate(base_.sources(), questions, {}, "", 3)->mean.ndcg, 1) << judged;
  }
}

TEST_F(EvaluateTest, ComparesAndReportsTwo) {
  // What is right here is what no search finds first.
  std::vector<GoldenQuestion> hard = questions_;
  hard[0] = {"<b>bridgea & river</b>", {{"upload:1", 1}}};
  const auto a = Evaluate(base_.sources(), hard, {.query = "", .legs = SearchLegs::kLexical}, "legs=words", 3);
  const auto b = Evaluate(base_.sources(), hard, {}, "", 3);
  ASSERT_TRUE(a && b);
  const EvaluationComparison comparison = Compare(*a, *b);
  EXPECT_NEAR(comparison.ndcg.difference, b->mean.ndcg - a->mean.ndcg, 1e-12);
  const std::string page = HtmlReport(hard, std::vector{*a, *b}, 3);
  EXPECT_THAT(page, HasSubstr("legs=words"));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;bridgea &amp; river"));
  EXPECT_THAT(page, Not(HasSubstr("<b>bridgea")));
  EXPECT_THAT(page, HasSubstr(fmt::format("{:.4f}", a->mean.ndcg)));
  EXPECT_THAT(page, HasSubstr("difference, 95 % interval"));
}

TEST_F(EvaluateTest, TunesTheWeightOnWhatTheLegsAreWorth) {
  const auto same = TuneAlpha(base_.sources(), questions_, 3);
  ASSERT_TRUE(same) << same.error().ToString();
  EXPECT_DOUBLE_EQ(same->alpha, Searcher::kDefaultAlpha) << "where nothing is gained it stays";
  EXPECT_DOUBLE_EQ(same->gain.difference, 0);

  // Vectors that say nothing: the words alone are right.
  class Constant final : public Embedder {
   public:
    Result<std::vector<float>> Embed(std::span<const std::string> texts, Use) override {
      std::vector<float> vectors(texts.size() * WordEmbedder::kWidth);
      for (std::size_t i = 0; i < texts.size(); ++i) vectors[i * WordEmbedder::kWidth + 3] = 1;
      ++calls;
      return vectors;
    }
    std::int64_t dimensions() const override { return WordEmbedder::kWidth; }
    std::int64_t max_tokens() const override { return 256; }
    const Tokenizer& tokenizer() const override { return WordPiece(); }
    std::string name() const override { return "constant"; }
    std::string fingerprint() const override { return "constant"; }
    int calls = 0;
  } constant;
  SearchSources sources = base_.sources();
  sources.embedder = &constant;
  std::vector<GoldenQuestion> words = questions_;
  for (GoldenQuestion& question : words) question.question += " river";
  const auto tuned = TuneAlpha(sources, words, 3);
  ASSERT_TRUE(tuned) << tuned.error().ToString();
  EXPECT_EQ(constant.calls, 12) << "each question is embedded once";
  EXPECT_LE(tuned->alpha, Searcher::kDefaultAlpha);
  EXPECT_DOUBLE_EQ(tuned->ndcg, 1);
  EXPECT_FALSE(TuneAlpha(sources, std::span(words).first(9), 3));
}

}  // namespace
}  // namespace strata::knowledge
