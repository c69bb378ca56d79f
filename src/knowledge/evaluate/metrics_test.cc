#include "knowledge/evaluate/metrics.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace strata::knowledge {
namespace {

TEST(MetricsTest, EqualWhatIsComputedByHand) {
  const std::vector<std::string> ranking = {"x", "a", "a", "b", "y"};
  const RankingScores scores = ScoreRanking(ranking, {{"a", 1}, {"b", 2}, {"c", 1}, {"z", 0}}, 3);
  // Places: x, a, b. The best order is b, a, c.
  const double gained = 1 / std::log2(3.0) + 3 / std::log2(4.0);
  const double most = 3 / std::log2(2.0) + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_DOUBLE_EQ(scores.ndcg, gained / most);
  EXPECT_DOUBLE_EQ(scores.reciprocal_rank, .5);
  EXPECT_DOUBLE_EQ(scores.recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(scores.precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(ScoreRanking(ranking, {{"q", 0}}, 3).ndcg, 0);
  EXPECT_DOUBLE_EQ(ScoreRanking(std::vector<std::string>{"b", "a", "c"}, {{"a", 1}, {"b", 2}, {"c", 1}}, 3).ndcg, 1);
}

TEST(MetricsTest, IntervalsHoldTheTruthAsOftenAsTheySay) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> noise(.1, .5);
  int held = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(80), b(80);
    for (double& value : b) value = noise(random);
    const Comparison comparison = ComparePaired(a, b, 500, static_cast<std::uint64_t>(trial));
    held += comparison.low <= .1 && .1 <= comparison.high ? 1 : 0;
    ASSERT_LE(comparison.low, comparison.difference);
    ASSERT_GE(comparison.high, comparison.difference);
  }
  EXPECT_GT(held, kTrials * 88 / 100);
  EXPECT_LT(held, kTrials);
}

}  // namespace
}  // namespace strata::knowledge
