// How well a base finds what its golden set says it should find, under one way of searching or two; and the weight of
// the vectors that is best for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/metrics.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

struct QuestionResult {
  std::vector<std::string> ranking;  ///< URIs of documents, or of the files that they are in, best first
  RankingScores scores;
};

struct Evaluation {
  std::string configuration;
  std::vector<QuestionResult> questions;  ///< as the golden set
  RankingScores mean;
};

/// Asks every question, each of which has relevant documents, as `how` says and as the owner of the base, and scores
/// the first k documents. Errors: the search's.
Result<Evaluation> Evaluate(const SearchSources& sources, std::span<const GoldenQuestion> questions,
                            const SearchRequest& how, std::string configuration, std::size_t k,
                            const SearchModels& models = {});

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
