#include "knowledge/search/fusion.h"

#include <gtest/gtest.h>

namespace strata::knowledge {
namespace {

TEST(FusionTest, ConvexCombinationOfNormalisedScores) {
  const Ranking lexical = {{1, 9}, {2, 6}, {3, 3}}, vectors = {{3, .8F}, {4, .5F}, {1, .3F}};
  const std::vector<FusedChunk> fused = Fuse(lexical, vectors, FusionMethod::kConvex, .25);
  ASSERT_EQ(fused.size(), 4U);
  EXPECT_EQ(fused[0].id, 1U);
  EXPECT_DOUBLE_EQ(fused[0].score, .75 * 1 + .25 * 0);
  EXPECT_EQ(fused[1].id, 2U);
  EXPECT_DOUBLE_EQ(fused[1].score, .75 * .5);
  EXPECT_EQ(fused[2].id, 3U);
  EXPECT_DOUBLE_EQ(fused[2].score, .25 * 1);
  EXPECT_EQ(fused[3].id, 4U);
  EXPECT_NEAR(fused[3].score, .25 * .4, 1e-6);
  EXPECT_EQ(fused[0].lexical->rank, 1U);
  EXPECT_EQ(fused[0].vectors->rank, 3U);
  EXPECT_FLOAT_EQ(fused[0].vectors->score, .3F);
  EXPECT_FALSE(fused[1].vectors);
}

TEST(FusionTest, ReciprocalRanks) {
  const Ranking lexical = {{1, 9}, {2, 6}}, vectors = {{2, .8F}};
  const std::vector<FusedChunk> fused = Fuse(lexical, vectors, FusionMethod::kReciprocalRank, .5);
  EXPECT_EQ(fused[0].id, 2U);
  EXPECT_DOUBLE_EQ(fused[0].score, .5 / 62 + .5 / 61);
  EXPECT_DOUBLE_EQ(fused[1].score, .5 / 61);
}

TEST(FusionTest, EqualScoresHaveOneRank) {
  const auto fused = Fuse({{4, 9}, {7, 5}, {9, 5}, {11, 1}}, {}, FusionMethod::kReciprocalRank, 0);
  EXPECT_EQ(fused[1].score, fused[2].score);
  EXPECT_EQ(fused[2].lexical->rank, 2U);
  EXPECT_EQ(fused[3].lexical->rank, 4U);
}

TEST(FusionTest, EqualScoresAreAllTheBest) {
  const std::vector<FusedChunk> fused = Fuse({{7, 2}, {9, 2}}, {}, FusionMethod::kConvex, .5);
  EXPECT_EQ(fused[0].id, 7U);
  EXPECT_DOUBLE_EQ(fused[0].score, .5);
  EXPECT_DOUBLE_EQ(fused[1].score, .5);
  EXPECT_TRUE(Fuse({}, {}, FusionMethod::kConvex, .5).empty());
}

TEST(FusionTest, WordingsAreAveraged) {
  const auto first = Fuse({{1, 2}, {2, 1}}, {}, FusionMethod::kConvex, 0);
  const auto second = Fuse({{2, 5}, {3, 1}}, {}, FusionMethod::kConvex, 0);
  const auto joined = JoinWordings(std::vector{first, second});
  ASSERT_EQ(joined.size(), 3U);
  EXPECT_DOUBLE_EQ(joined[0].score, .5);
  EXPECT_EQ(joined[0].id, 1U);
  EXPECT_EQ(joined[1].id, 2U);
  EXPECT_DOUBLE_EQ(joined[1].score, .5);
  EXPECT_DOUBLE_EQ(joined[2].score, 0);
}

TEST(FusionTest, DiversityPutsADifferentOneBeforeACopy) {
  const std::vector<double> relevance = {1, .99, .6, 0};
  const std::vector<float> vectors = {1, 0, 1, 0, 0, 1, .6F, .8F};
  EXPECT_EQ(Diversify(relevance, vectors, .5, 3), (std::vector<std::size_t>{0, 2, 1}));
  EXPECT_EQ(Diversify(relevance, vectors, 1, 3), (std::vector<std::size_t>{0, 1, 2}));
}

}  // namespace
}  // namespace strata::knowledge
