// How good rankings are, and whether one way of searching is better than another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace strata::knowledge {

/// What is relevant to one question, and how much: 0 is not at all.
using Judgements = std::map<std::string, double>;

struct RankingScores {
  double ndcg =
      0;  ///< of gains 2^relevance - 1 (Burges et al. 2005), discounted by log2 (Järvelin and Kekäläinen 2002)
  double reciprocal_rank = 0;
  double recall = 0;     ///< of what is relevant
  double precision = 0;  ///< of k, also where fewer were found
};

/// Of the first k; what comes twice counts at its first place. All 0 where nothing is relevant.
RankingScores ScoreRanking(std::span<const std::string> ranking, const Judgements& judgements, std::size_t k);

/// The mean difference b - a of the same questions, with its 95 % interval by the paired bootstrap (Efron and
/// Tibshirani 1993; Sakai 2006): where it has 0, the questions do not show that one is better.
struct Comparison {
  double difference = 0, low = 0, high = 0;
};

/// `a` and `b`: a score for each question, as many. The same seed gives the same interval.
Comparison ComparePaired(std::span<const double> a, std::span<const double> b, int resamples = 2000,
                         std::uint64_t seed = 1);

}  // namespace strata::knowledge
