#include "cli/kb_eval.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "cli/kb_models.h"
#include "cli/progress.h"
#include "knowledge/answer/answerer.h"
#include "knowledge/evaluate/answers.h"
#include "knowledge/evaluate/configuration.h"
#include "knowledge/evaluate/evaluate.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/report.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/search/searcher.h"

namespace strata::cli {
namespace {

using knowledge::AnswerEvaluation;
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

using Configurations = std::vector<std::pair<std::string, knowledge::AnswerRequest>>;

std::string NameOf(const std::string& configuration) {
  return configuration.empty() ? "the base's own" : configuration;
}

Result<Configurations> ReadConfigurations(const EvalOptions& options) {
  if (options.configurations.size() > 2) {
    return Fail(ErrorCode::kInvalidArgument, "{} configurations, at most two are compared",
                options.configurations.size());
  }
  Configurations configurations;
  for (const std::string& text : options.configurations) {
    STRATA_TRY(knowledge::AnswerRequest how, knowledge::ParseConfiguration(text));
    configurations.emplace_back(text, std::move(how));
  }
  if (configurations.empty()) configurations.emplace_back();
  return configurations;
}

/// Those that the options ask for.
Result<AskedModels> ModelsFor(const Configurations& configurations, const EvalOptions& options,
                              const LoadOptions& load) {
  const bool writes = options.answers || std::ranges::any_of(configurations, [](const auto& configuration) {
                        const knowledge::SearchRequest& search = configuration.second.search;
                        return search.variants > 0 || search.hyde;
                      });
  return LoadAskedModels(writes ? options.model : "", options.rerank_model, load);
}

Result<std::vector<Evaluation>> EvaluateSearches(const KnowledgeBase& base, const std::vector<GoldenQuestion>& judged,
                                                 const Configurations& configurations, const AskedModels& models,
                                                 std::size_t k) {
  std::vector<Evaluation> evaluations;
  if (judged.empty()) return evaluations;
  for (const auto& [text, how] : configurations) {
    STRATA_TRY(Evaluation evaluation,
               knowledge::Evaluate(knowledge::SourcesOf(base), judged, how.search, text, k, models.ForSearch()));
    const knowledge::RankingScores& mean = evaluation.mean;
    fmt::print("{:<30} nDCG@{} {:.4f}  MRR {:.4f}  recall {:.4f}  precision {:.4f}\n", NameOf(text), k, mean.ndcg,
               mean.reciprocal_rank, mean.recall, mean.precision);
    evaluations.push_back(std::move(evaluation));
  }
  if (evaluations.size() == 2) {
    const knowledge::EvaluationComparison comparison = knowledge::Compare(evaluations[0], evaluations[1]);
    fmt::print("the second less the first, 95 % intervals over {} questions: nDCG {}  MRR {}  recall {}\n",
               judged.size(), Interval(comparison.ndcg), Interval(comparison.reciprocal_rank),
               Interval(comparison.recall));
  }
  return evaluations;
}

Result<std::vector<AnswerEvaluation>> JudgeAnswers(const KnowledgeBase& base,
                                                   const std::vector<GoldenQuestion>& questions,
                                                   const Configurations& configurations, const AskedModels& models) {
  STRATA_TRY(const auto analyser, knowledge::Analyser::Create(base.options().language));
  const knowledge::Searcher searcher(knowledge::SourcesOf(base), models.ForSearch());
  const knowledge::Answerer answerer(searcher, *models.writer, analyser);
  std::vector<AnswerEvaluation> evaluations;
  for (const auto& [text, how] : configurations) {
    Result<AnswerEvaluation> evaluation;
    {
      ProgressBar bar;
      evaluation = knowledge::EvaluateAnswers(answerer, questions, how, text, [&](std::size_t answered) {
        bar.Update(static_cast<double>(answered) / static_cast<double>(questions.size()), NameOf(text));
      });
    }
    if (!evaluation) return std::unexpected(evaluation.error());
    fmt::print("answers, {}\n", NameOf(text));
    for (const knowledge::AnswerScore& score : knowledge::kAnswerScores) {
      const knowledge::Share& share = evaluation->total.*score.share;
      if (share.value()) fmt::print("  {:<22} {:.4f} of {}\n", score.name, *share.value(), share.of);
    }
    evaluations.push_back(std::move(*evaluation));
  }
  if (evaluations.size() == 2) {
    fmt::print("the second less the first, 95 % intervals over {} questions\n", questions.size());
    const auto compared = knowledge::CompareAnswers(evaluations[0], evaluations[1]);
    for (std::size_t i = 0; i < compared.size(); ++i) {
      if (compared[i]) fmt::print("  {:<22} {}\n", knowledge::kAnswerScores[i].name, Interval(*compared[i]));
    }
  }
  return evaluations;
}

}  // namespace

Status EvaluateBase(const KnowledgeBase& base, const EvalOptions& options, const LoadOptions& load) {
  STRATA_TRY(const Configurations configurations, ReadConfigurations(options));
  STRATA_TRY(const std::string text, ReadFile(options.golden));
  STRATA_TRY(const std::vector<GoldenQuestion> questions, knowledge::ParseGoldenSet(text, options.golden));
  const std::vector<GoldenQuestion> judged = knowledge::JudgedQuestions(questions);
  STRATA_CHECK(WarnOfMissing(base, judged));
  if (options.tune) STRATA_CHECK(Tune(base, judged, options.k));
  STRATA_TRY(const AskedModels models, ModelsFor(configurations, options, load));
  STRATA_TRY(const std::vector<Evaluation> searches, EvaluateSearches(base, judged, configurations, models, options.k));
  std::vector<AnswerEvaluation> answers;
  if (options.answers) {
    STRATA_TRY(answers, JudgeAnswers(base, questions, configurations, models));
  }
  if (searches.empty() && answers.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "{}: no question has relevant documents: --answers judges the others",
                options.golden);
  }
  if (options.html.empty()) return {};
  return WriteFileAtomically(options.html, knowledge::HtmlReport(judged, searches, options.k, questions, answers));
}

}  // namespace strata::cli
