#include "knowledge/evaluate/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

/// Hits per document that is ranked: several chunks of one document may be found.
constexpr std::size_t kHitsPerDocument = 5;
constexpr int kAlphaSteps = 20;
constexpr std::size_t kFolds = 5, kLeastQuestions = 10;

/// Questions are asked many times under other weights: each is embedded once.
class OnceEmbedder final : public Embedder {
 public:
  explicit OnceEmbedder(Embedder& embedder) : embedder_(embedder) {}
  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use use) override {
    if (texts.size() != 1 || use != Use::kQuery) return embedder_.Embed(texts, use);
    const auto found = vectors_.find(texts[0]);
    if (found != vectors_.end()) return found->second;
    STRATA_TRY(std::vector<float> vector, embedder_.Embed(texts, use));
    return vectors_.emplace(texts[0], std::move(vector)).first->second;
  }
  std::int64_t dimensions() const override { return embedder_.dimensions(); }
  std::int64_t max_tokens() const override { return embedder_.max_tokens(); }
  const Tokenizer& tokenizer() const override { return embedder_.tokenizer(); }
  std::string name() const override { return embedder_.name(); }
  std::string fingerprint() const override { return embedder_.fingerprint(); }

 private:
  Embedder& embedder_;
  std::map<std::string, std::vector<float>> vectors_;
};

std::vector<double> Column(const Evaluation& evaluation, double RankingScores::* score) {
  std::vector<double> column;
  column.reserve(evaluation.questions.size());
  for (const QuestionResult& question : evaluation.questions) column.push_back(question.scores.*score);
  return column;
}

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace

Result<Evaluation> Evaluate(const SearchSources& sources, std::span<const GoldenQuestion> questions,
                            const SearchRequest& how, std::string configuration, std::size_t k,
                            const SearchModels& models) {
  Evaluation evaluation{.configuration = std::move(configuration), .questions = {}, .mean = {}};
  const Searcher searcher(sources, models);
  for (const GoldenQuestion& golden : questions) {
    SearchRequest request = how;
    request.query = golden.question;
    request.principal.sees_everything = true;
    request.limit = k * kHitsPerDocument;
    request.candidates = std::max(request.candidates, request.limit);
    STRATA_TRY(const SearchResult found, searcher.Search(request), "{:?}", golden.question);
    QuestionResult result;
    for (const Hit& hit : found.hits) {
      // A judgement of a file is one of all documents in it.
      std::string uri = hit.document->uri;
      if (!golden.relevant.contains(uri)) uri = SourceOf(uri);
      if (std::ranges::find(result.ranking, uri) == result.ranking.end()) result.ranking.push_back(std::move(uri));
    }
    if (result.ranking.size() > k) result.ranking.resize(k);
    result.scores = ScoreRanking(result.ranking, golden.relevant, k);
    evaluation.questions.push_back(std::move(result));
  }
  for (const auto score :
       {&RankingScores::ndcg, &RankingScores::reciprocal_rank, &RankingScores::recall, &RankingScores::precision}) {
    evaluation.mean.*score = MeanOf(Column(evaluation, score));
  }
  return evaluation;
}

EvaluationComparison Compare(const Evaluation& a, const Evaluation& b) {
  const auto of = [&](double RankingScores::* score) { return ComparePaired(Column(a, score), Column(b, score)); };
  return {.ndcg = of(&RankingScores::ndcg),
          .reciprocal_rank = of(&RankingScores::reciprocal_rank),
          .recall = of(&RankingScores::recall),
          .precision = of(&RankingScores::precision)};
}

Result<TunedAlpha> TuneAlpha(const SearchSources& sources, std::span<const GoldenQuestion> questions, std::size_t k) {
  if (questions.size() < kLeastQuestions) {
    return Fail(ErrorCode::kInvalidArgument, "{} questions say too little of a weight, {} are needed", questions.size(),
                kLeastQuestions);
  }
  OnceEmbedder embedder(*sources.embedder);
  SearchSources asked = sources;
  asked.embedder = &embedder;
  std::vector<std::vector<double>> scores;  // of each weight, of each question
  const auto alpha_of = [](std::size_t step) { return static_cast<double>(step) / kAlphaSteps; };
  for (std::size_t step = 0; step <= kAlphaSteps; ++step) {
    SearchRequest how;
    how.alpha = alpha_of(step);
    STRATA_TRY(const Evaluation evaluation, Evaluate(asked, questions, how, "", k));
    scores.push_back(Column(evaluation, &RankingScores::ndcg));
  }
  /// The best weight for the questions that are not in `fold`; of equals the one that is nearest to the default.
  const auto best_without = [&](std::size_t fold) {
    std::size_t best = 0;
    double best_sum = -1;
    for (std::size_t step = 0; step < scores.size(); ++step) {
      double sum = 0;
      for (std::size_t q = 0; q < questions.size(); ++q) sum += q % kFolds == fold ? 0 : scores[step][q];
      const auto from_default = [&](std::size_t at) { return std::abs(alpha_of(at) - Searcher::kDefaultAlpha); };
      if (sum > best_sum || (sum == best_sum && from_default(step) < from_default(best))) {
        best = step;
        best_sum = sum;
      }
    }
    return best;
  };
  std::vector<double> unseen(questions.size());
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const std::size_t best = best_without(fold);
    for (std::size_t q = fold; q < questions.size(); q += kFolds) unseen[q] = scores[best][q];
  }
  const std::size_t best = best_without(kFolds);  // of all
  const auto usual = static_cast<std::size_t>(Searcher::kDefaultAlpha * kAlphaSteps);
  return TunedAlpha{
      .alpha = alpha_of(best), .ndcg = MeanOf(scores[best]), .gain = ComparePaired(scores[usual], unseen)};
}

}  // namespace strata::knowledge
