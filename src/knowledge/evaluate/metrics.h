// How good rankings are, and whether one way of searching or answering is better than another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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

/// A part of something: of statements, of questions. Those of several questions are added up.
struct Share {
  double part = 0, of = 0;
  /// Nothing, where there is nothing that it could be a part of.
  std::optional<double> value() const { return of > 0 ? std::optional(part / of) : std::nullopt; }
  Share& operator+=(const Share& other) {
    part += other.part;
    of += other.of;
    return *this;
  }
};

/// A difference b - a over the same questions, with its 95 % interval by the paired bootstrap (Efron and Tibshirani
/// 1993; Sakai 2006): where it has 0, the questions do not show that one is better.
struct Comparison {
  double difference = 0, low = 0, high = 0;
};

/// A difference over questions, which come by their places, some of them more than once; nothing where it is not
/// defined for them.
using DifferenceOf = std::function<std::optional<double>(std::span<const std::size_t> questions)>;

/// Of `count` questions. Nothing where the difference is not defined for all of them; resamples for which it is not are
/// left out. The same seed gives the same interval.
std::optional<Comparison> Bootstrap(std::size_t count, const DifferenceOf& difference_of, int resamples = 2000,
                                    std::uint64_t seed = 1);

/// Of means. `a` and `b`: a score for each question, as many.
Comparison ComparePaired(std::span<const double> a, std::span<const double> b, int resamples = 2000,
                         std::uint64_t seed = 1);

/// Of shares, each the sum of its questions'. Nothing where one of them is a part of nothing.
std::optional<Comparison> CompareShares(std::span<const Share> a, std::span<const Share> b);

}  // namespace strata::knowledge
