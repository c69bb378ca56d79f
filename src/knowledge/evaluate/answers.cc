#include "knowledge/evaluate/answers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "knowledge/answer/markers.h"
#include "knowledge/evaluate/match.h"
#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

Share OneIf(bool holds) { return {.part = holds ? 1. : 0., .of = 1}; }

/// What the golden set calls the document; nothing where it is not relevant.
std::optional<std::string> RelevantName(const std::string& uri, const GoldenQuestion& golden) {
  if (golden.relevant.contains(uri)) return uri;
  std::string source(SourceOf(uri));
  if (golden.relevant.contains(source)) return source;
  return std::nullopt;
}

bool Overlaps(const Citation& citation, const std::vector<Span>& spans) {
  return std::ranges::any_of(
      spans, [&](Span span) { return citation.span.begin < span.end && span.begin < citation.span.end; });
}

void ScoreCitations(const Answer& answer, const GoldenQuestion& golden, AnswerScores& scores) {
  std::set<std::string> cited;
  for (const Statement& statement : answer.statements) {
    for (const Citation& citation : statement.citations) {
      const std::optional<std::string> name = RelevantName(citation.uri, golden);
      const auto spans = name ? golden.spans.find(*name) : golden.spans.end();
      scores.citation_precision += OneIf(name && (spans == golden.spans.end() || Overlaps(citation, spans->second)));
      if (name) cited.insert(*name);
    }
  }
  scores.citation_recall = {.part = static_cast<double>(cited.size()),
                            .of = static_cast<double>(golden.relevant.size())};
}

void ScoreMatch(const Answer& answer, const GoldenQuestion& golden, AnswerScores& scores) {
  if (golden.answers.empty()) return;
  scores.token_f1.of = scores.contains.of = 1;
  if (answer.abstained != Abstention::kNone) return;
  const std::vector<std::string> said = MatchWords(WithoutMarkerText(answer.text));
  for (const std::string& known : golden.answers) {
    const std::vector<std::string> right = MatchWords(known);
    scores.token_f1.part = std::max(scores.token_f1.part, TokenF1(said, right));
    if (ContainsWords(said, right)) scores.contains.part = 1;
  }
}

}  // namespace

AnswerScores ScoreAnswer(const Answer& answer, const GoldenQuestion& golden) {
  AnswerScores scores;
  const bool abstained = answer.abstained != Abstention::kNone;
  for (const Statement& statement : answer.statements) scores.faithfulness += OneIf(statement.supported);
  if (abstained) scores.abstention_precision = OneIf(golden.unanswerable);
  if (golden.unanswerable) {
    scores.abstention_recall = OneIf(abstained);
    // Whatever it cites cannot hold an answer.
    for (const Statement& statement : answer.statements) {
      scores.citation_precision.of += static_cast<double>(statement.citations.size());
    }
    return scores;
  }
  scores.answered = OneIf(!abstained);
  ScoreCitations(answer, golden, scores);
  ScoreMatch(answer, golden, scores);
  return scores;
}

Result<AnswerEvaluation> EvaluateAnswers(const Answerer& answerer, std::span<const GoldenQuestion> questions,
                                         const AnswerRequest& how, std::string configuration,
                                         const std::function<void(std::size_t)>& on_answered) {
  AnswerEvaluation evaluation{.configuration = std::move(configuration), .questions = {}, .total = {}};
  for (const GoldenQuestion& golden : questions) {
    AnswerRequest request = how;
    request.search.query = golden.question;
    request.search.principal.sees_everything = true;
    STRATA_TRY(const Answer answer, answerer.Ask(request), "{:?}", golden.question);
    if (how.wanted && !how.wanted()) return Fail(ErrorCode::kCancelled, "nobody waits for the evaluation any more");
    AnswerResult result{.text = answer.text, .abstained = answer.abstained, .cited = {}, .scores = {}};
    for (const Statement& statement : answer.statements) {
      for (const Citation& citation : statement.citations) {
        if (std::ranges::find(result.cited, citation.uri) == result.cited.end()) result.cited.push_back(citation.uri);
      }
    }
    result.scores = ScoreAnswer(answer, golden);
    for (const AnswerScore& score : kAnswerScores) evaluation.total.*score.share += result.scores.*score.share;
    evaluation.questions.push_back(std::move(result));
    if (on_answered) on_answered(evaluation.questions.size());
  }
  return evaluation;
}

std::array<std::optional<Comparison>, kAnswerScores.size()> CompareAnswers(const AnswerEvaluation& a,
                                                                           const AnswerEvaluation& b) {
  const auto column = [](const AnswerEvaluation& evaluation, Share AnswerScores::* share) {
    std::vector<Share> shares;
    shares.reserve(evaluation.questions.size());
    for (const AnswerResult& question : evaluation.questions) shares.push_back(question.scores.*share);
    return shares;
  };
  std::array<std::optional<Comparison>, kAnswerScores.size()> compared;
  for (std::size_t i = 0; i < kAnswerScores.size(); ++i) {
    compared[i] = CompareShares(column(a, kAnswerScores[i].share), column(b, kAnswerScores[i].share));
  }
  return compared;
}

}  // namespace strata::knowledge
