#include "cli/kb_eval.h"

#include <optional>

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "knowledge/evaluate/evaluate.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/report.h"
#include "knowledge/search/searcher.h"

namespace strata::cli {
namespace {

using knowledge::Comparison;
using knowledge::Evaluation;
using knowledge::GoldenQuestion;
using knowledge::KnowledgeBase;

std::string Interval(const Comparison& comparison) {
  return fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]", comparison.difference, comparison.low, comparison.high);
}

/// Judged documents that the base has not: they can never be found, which is no fault of the search.
Status WarnOfMissing(const KnowledgeBase& base, const std::vector<GoldenQuestion>& questions) {
  std::size_t missing = 0;
  std::string first;
  for (const GoldenQuestion& golden : questions) {
    for (const auto& [uri, grade] : golden.relevant) {
      STRATA_TRY(const std::optional<knowledge::DocumentRecord> record, base.store().Find(uri));
      STRATA_TRY(const std::vector<knowledge::DocumentRecord> of_file, base.store().DocumentsOfSource(uri));
      if (record || !of_file.empty()) continue;
      if (missing++ == 0) first = uri;
    }
  }
  if (missing > 0) fmt::print(stderr, "{} relevant documents are not in the base, {} is the first\n", missing, first);
  return {};
}

Status Tune(const KnowledgeBase& base, const std::vector<GoldenQuestion>& questions, std::size_t k) {
  STRATA_TRY(const knowledge::TunedAlpha tuned, knowledge::TuneAlpha(knowledge::SourcesOf(base), questions, k));
  const bool worse = tuned.gain.high < 0;
  fmt::print("alpha {:.2f} is best, nDCG@{} {:.4f}; for unseen questions {} against {:.2f}: {}\n", tuned.alpha, k,
             tuned.ndcg, Interval(tuned.gain), knowledge::Searcher::kDefaultAlpha,
             worse ? "the base keeps its own" : "kept in the base");
  if (worse) return {};
  return base.store().SetSetting(knowledge::Searcher::kFusionSetting, {{"alpha", tuned.alpha}});
}

}  // namespace

Status EvaluateBase(const KnowledgeBase& base, const EvalOptions& options) {
  if (options.configurations.size() > 2) {
    return Fail(ErrorCode::kInvalidArgument, "{} configurations, at most two are compared",
                options.configurations.size());
  }
  STRATA_TRY(const std::string text, ReadFile(options.golden));
  STRATA_TRY(const std::vector<GoldenQuestion> questions, knowledge::ParseGoldenSet(text, options.golden));
  STRATA_CHECK(WarnOfMissing(base, questions));
  if (options.tune) STRATA_CHECK(Tune(base, questions, options.k));
  std::vector<std::string> configurations = options.configurations;
  if (configurations.empty()) configurations.emplace_back();
  std::vector<Evaluation> evaluations;
  for (const std::string& configuration : configurations) {
    STRATA_TRY(const knowledge::SearchRequest how, knowledge::ParseConfiguration(configuration));
    STRATA_TRY(Evaluation evaluation,
               knowledge::Evaluate(knowledge::SourcesOf(base), questions, how, configuration, options.k));
    const knowledge::RankingScores& mean = evaluation.mean;
    fmt::print("{:<30} nDCG@{} {:.4f}  MRR {:.4f}  recall {:.4f}  precision {:.4f}\n",
               configuration.empty() ? "the base's own" : configuration, options.k, mean.ndcg, mean.reciprocal_rank,
               mean.recall, mean.precision);
    evaluations.push_back(std::move(evaluation));
  }
  if (evaluations.size() == 2) {
    const knowledge::EvaluationComparison comparison = knowledge::Compare(evaluations[0], evaluations[1]);
    fmt::print("the second less the first, 95 % intervals over {} questions: nDCG {}  MRR {}  recall {}\n",
               questions.size(), Interval(comparison.ndcg), Interval(comparison.reciprocal_rank),
               Interval(comparison.recall));
  }
  if (options.html.empty()) return {};
  return WriteFileAtomically(options.html, knowledge::HtmlReport(questions, evaluations, options.k));
}

}  // namespace strata::cli
