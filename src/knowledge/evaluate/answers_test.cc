#include "knowledge/evaluate/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "knowledge/evaluate/match.h"
#include "knowledge/evaluate/report.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/search/test_base.h"

namespace strata::knowledge {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(MatchTest, ComparesWords) {
  EXPECT_EQ(MatchWords("The Flat\u2019s rent: ‘30 €’!"), (Words{"flat", "s", "rent", "30"}));
  EXPECT_EQ(MatchWords("三个月 ok"), (Words{"三", "个", "月", "ok"}));
  EXPECT_DOUBLE_EQ(TokenF1(Words{"it", "is", "three", "months"}, Words{"three", "months"}), 2. * 2 / 6);
  EXPECT_DOUBLE_EQ(TokenF1(Words{"a", "a"}, Words{"a"}), 2. / 3) << "a word counts as often as both have it";
  EXPECT_DOUBLE_EQ(TokenF1(Words{}, Words{"a"}), 0);
  EXPECT_TRUE(ContainsWords(Words{"it", "is", "three", "months"}, Words{"three", "months"}));
  EXPECT_FALSE(ContainsWords(Words{"three", "long", "months"}, Words{"three", "months"}));
  EXPECT_EQ(LongestCommonRun(Words{"x", "a", "b", "c"}, Words{"a", "b", "y", "b", "c"}), 2U);
}

TEST(ShareTest, DifferencesOfSharesAreResampledByQuestion) {
  // Statements of ten questions: one is of many, and counts as many.
  std::vector<Share> a(10, Share{.part = 1, .of = 2}), b(10, Share{.part = 2, .of = 2});
  b[3] = {.part = 0, .of = 20};
  const auto compared = CompareShares(a, b);
  ASSERT_TRUE(compared);
  EXPECT_NEAR(compared->difference, 18. / 38 - .5, 1e-12);
  EXPECT_LT(compared->low, compared->difference);
  EXPECT_GT(compared->high, compared->difference) << "without the one question";
  EXPECT_FALSE(CompareShares(a, std::vector<Share>(10))) << "of nothing";
  EXPECT_FALSE(CompareShares({}, {}));
}

class AnswersTest : public testing::Test {
 protected:
  AnswersTest() {
    for (const auto& [uri, text] : {std::pair{"lease", "The notice period is three months. Rent is due each month."},
                                    {"cats", "A cat sleeps sixteen hours a day."}}) {
      DocumentRecord record;
      record.uri = uri;
      base_.Put(record, text);
    }
  }
  AnswerEvaluation Evaluate(std::vector<GoldenQuestion> questions, const std::string& says) {
    writer_.says = says;
    auto evaluation = EvaluateAnswers(answerer_, questions, {}, "");
    EXPECT_TRUE(evaluation) << evaluation.error().ToString();
    return std::move(*evaluation);
  }
  static double Value(const Share& share) { return share.value().value_or(-1); }

  TestBase base_;
  ScriptedWriter writer_;
  Analyser analyser_ = std::move(Analyser::Create("english").value());
  Searcher searcher_{base_.sources()};
  Answerer answerer_{searcher_, writer_, analyser_};
};

TEST_F(AnswersTest, ScoresWhatIsSaidAndWhatIsCited) {
  // Sources by URI: cats are [1], the lease is [2].
  const AnswerEvaluation evaluation =
      Evaluate({{.question = "notice period", .relevant = {{"lease", 1}}, .answers = {"four", "three months"}}},
               "The notice period is three months [2]. The moon is a cheese [1]. A cat sleeps sixteen hours [1].");
  const AnswerScores& scores = evaluation.total;
  EXPECT_DOUBLE_EQ(Value(scores.faithfulness), 2. / 3);
  EXPECT_DOUBLE_EQ(Value(scores.citation_precision), 1. / 3);
  EXPECT_DOUBLE_EQ(Value(scores.citation_recall), 1);
  EXPECT_DOUBLE_EQ(Value(scores.answered), 1);
  EXPECT_DOUBLE_EQ(Value(scores.contains), 1);
  EXPECT_GT(Value(scores.token_f1), .2);
  EXPECT_FALSE(scores.abstention_recall.value()) << "no question is unanswerable";
  EXPECT_EQ(evaluation.questions[0].cited, (std::vector<std::string>{"lease", "cats"}));
}

TEST_F(AnswersTest, ACitationIsRightWhereTheAnswerStands) {
  const GoldenQuestion first{.question = "rent", .relevant = {{"lease", 1}}, .spans = {{"lease", {{0, 34}}}}};
  const std::string says = "Rent is due each month [2].";
  EXPECT_DOUBLE_EQ(Value(Evaluate({first}, says).total.citation_precision), 0);
  GoldenQuestion second = first;
  second.spans["lease"] = {{0, 3}, {40, 50}};
  EXPECT_DOUBLE_EQ(Value(Evaluate({second}, says).total.citation_precision), 1);
}

TEST_F(AnswersTest, AbstainingIsRightWhereNothingAnswers) {
  const std::vector<GoldenQuestion> questions = {
      {.question = "notice period", .relevant = {{"lease", 1}}, .answers = {"three months"}},
      {.question = "cup winner", .relevant = {}, .unanswerable = true}};
  const AnswerScores none = Evaluate(questions, std::string(kAbstention)).total;
  EXPECT_DOUBLE_EQ(Value(none.abstention_precision), .5);
  EXPECT_DOUBLE_EQ(Value(none.abstention_recall), 1);
  EXPECT_DOUBLE_EQ(Value(none.answered), 0);
  EXPECT_DOUBLE_EQ(Value(none.contains), 0) << "nothing has the answer";
  EXPECT_FALSE(none.faithfulness.value());
  const AnswerScores all = Evaluate(questions, "The notice period is three months [2].").total;
  EXPECT_FALSE(all.abstention_precision.value());
  EXPECT_DOUBLE_EQ(Value(all.abstention_recall), 0);
  EXPECT_DOUBLE_EQ(Value(all.citation_precision), .5) << "what is cited for it cannot be right";
}

TEST_F(AnswersTest, TwoAreComparedAndReported) {
  std::vector<GoldenQuestion> questions(
      12, {.question = "notice <b>period</b>", .relevant = {{"lease", 1}}, .answers = {"three months"}});
  const AnswerEvaluation good = Evaluate(questions, "The notice period is three months [2].");
  AnswerEvaluation bad = Evaluate(questions, "A cat sleeps sixteen hours [1].");
  bad.configuration = "limit=1";
  const auto compared = CompareAnswers(bad, good);
  EXPECT_DOUBLE_EQ(compared[1]->difference, 1) << kAnswerScores[1].name;
  EXPECT_FALSE(compared[4]) << kAnswerScores[4].name << " of no abstention";
  const std::string page = HtmlReport({}, {}, 10, questions, std::vector{bad, good});
  EXPECT_THAT(page, HasSubstr("limit=1"));
  EXPECT_THAT(page, HasSubstr("notice &lt;b&gt;period"));
  EXPECT_THAT(page, HasSubstr("difference, 95 % interval"));
  EXPECT_THAT(page, HasSubstr("citation_recall"));
}

TEST_F(AnswersTest, NobodyNeedsToWait) {
  AnswerRequest how;
  how.wanted = [] { return false; };
  writer_.says = "The notice period is three months [2].";
  const std::vector<GoldenQuestion> questions(2, {.question = "notice", .relevant = {{"lease", 1}}});
  const auto evaluation = EvaluateAnswers(answerer_, questions, how, "");
  ASSERT_FALSE(evaluation);
  EXPECT_EQ(evaluation.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace strata::knowledge
