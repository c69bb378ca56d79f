// How well a base finds what its golden set says it should find, under one way of searching or two; and the weight of
// the vectors that is best for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/metrics.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

/// One way of searching, as a list of NAME=VALUE parted by commas: legs (both, words, vectors), fusion (convex, rrf),
/// alpha (0 to 1), candidates, ef, diversity (0 to 1). Empty: the base's own. Errors: kInvalidArgument naming it.
Result<SearchRequest> ParseConfiguration(std::string_view text);

struct QuestionResult {
  std::vector<std::string> ranking;  ///< URIs of documents, or of the files that they are in, best first
  RankingScores scores;
};

struct Evaluation {
  std::string configuration;
  std::vector<QuestionResult> questions;  ///< as the golden set
  RankingScores mean;
};

/// Asks every question as `how` says, as the owner of the base, and scores the first k documents. Errors: the search's.
Result<Evaluation> Evaluate(const SearchSources& sources, std::span<const GoldenQuestion> questions,
                            const SearchRequest& how, std::string configuration, std::size_t k);

/// What a comparison says of each score, b - a.
struct EvaluationComparison {
  Comparison ndcg, reciprocal_rank, recall, precision;
};
EvaluationComparison Compare(const Evaluation& a, const Evaluation& b);

struct TunedAlpha {
  double alpha = 0;  ///< with the best mean nDCG of all questions
  double ndcg = 0;   ///< that mean: it has seen its own questions
  /// Of questions under the weight that is best for the others (five folds), less that under the default.
  Comparison gain;
};

/// Tries weights from 0 to 1 in steps of .05. Errors: the search's; kInvalidArgument for fewer than ten questions.
Result<TunedAlpha> TuneAlpha(const SearchSources& sources, std::span<const GoldenQuestion> questions, std::size_t k);

}  // namespace strata::knowledge
