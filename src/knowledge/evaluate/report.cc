#include "knowledge/evaluate/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/html.h"

namespace strata::knowledge {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evaluation</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #1b1f24 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .3em .8em; border-bottom: 1px solid #d0d7de; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } .hit { font-weight: 600; color: #116329 } .miss { color: #59636e }
svg text { font: 12px system-ui, sans-serif } small { color: #59636e }
</style></head><body>
)";

struct Score {
  std::string_view name;
  double RankingScores::* value;
  Comparison EvaluationComparison::* compared;
};
constexpr std::array kScores = {Score{"nDCG", &RankingScores::ndcg, &EvaluationComparison::ndcg},
                                Score{"MRR", &RankingScores::reciprocal_rank, &EvaluationComparison::reciprocal_rank},
                                Score{"recall", &RankingScores::recall, &EvaluationComparison::recall},
                                Score{"precision", &RankingScores::precision, &EvaluationComparison::precision}};
constexpr std::array<std::string_view, 2> kColours = {"#0969da", "#bc4c00"};

std::string NameOf(const std::string& configuration) {
  return configuration.empty() ? "the base's own" : EscapeHtml(configuration);
}

std::string IntervalCell(const std::optional<Comparison>& of) {
  if (!of) return "<td class=n>";
  return fmt::format("<td class=n>{:+.4f} <small>[{:+.4f}, {:+.4f}]</small>", of->difference, of->low, of->high);
}

constexpr std::string_view kDifference = "<tr><td>difference, 95 % interval";

void AddMeans(std::span<const Evaluation> evaluations, std::size_t k, std::string& page) {
  page += "<table><tr><th>configuration";
  for (const Score& score : kScores) page += fmt::format("<th>{}@{}", score.name, k);
  for (const Evaluation& evaluation : evaluations) {
    page += "<tr><td>" + NameOf(evaluation.configuration);
    for (const Score& score : kScores) page += fmt::format("<td class=n>{:.4f}", evaluation.mean.*score.value);
  }
  if (evaluations.size() == 2) {
    const EvaluationComparison comparison = Compare(evaluations[0], evaluations[1]);
    page += kDifference;
    for (const Score& score : kScores) page += IntervalCell(comparison.*score.compared);
  }
  page += "</table>\n";
}

struct Bar {
  std::string_view name;
  std::vector<double> values;  ///< 0 to 1, of each configuration
};

/// Side by side.
void AddBars(std::span<const Bar> bars, std::string& page) {
  constexpr int kWidth = 140, kHeight = 160, kBar = 40;
  page += fmt::format("<svg width={} height={}>", kWidth * std::ssize(bars) + 20, kHeight + 40);
  for (std::size_t b = 0; b < bars.size(); ++b) {
    for (std::size_t e = 0; e < bars[b].values.size(); ++e) {
      const double value = bars[b].values[e];
      const double height = value * kHeight;
      const auto left = static_cast<double>(b * kWidth + 10 + e * (kBar + 6));
      page += fmt::format(
          R"(<rect x={:.0f} y={:.1f} width={} height={:.1f} fill="{}"/><text x={:.0f} y={:.1f}>{:.2f}</text>)", left,
          kHeight - height + 16, kBar, height, kColours[e], left + 4, kHeight - height + 12, value);
    }
    page += fmt::format("<text x={} y={}>{}</text>", b * kWidth + 10, kHeight + 34, bars[b].name);
  }
  page += "</svg>\n";
}

void AddMeanBars(std::span<const Evaluation> evaluations, std::string& page) {
  std::vector<Bar> bars;
  for (const Score& score : kScores) {
    Bar& bar = bars.emplace_back(Bar{.name = score.name, .values = {}});
    for (const Evaluation& evaluation : evaluations) bar.values.push_back(evaluation.mean.*score.value);
  }
  AddBars(bars, page);
}

/// nDCG of every question, sorted: of one configuration as it is, of two the difference.
void AddCurve(std::span<const Evaluation> evaluations, std::string& page) {
  std::vector<double> values;
  for (std::size_t q = 0; q < evaluations[0].questions.size(); ++q) {
    const double first = evaluations[0].questions[q].scores.ndcg;
    values.push_back(evaluations.size() == 2 ? evaluations[1].questions[q].scores.ndcg - first : first);
  }
  std::ranges::sort(values);
  constexpr double kWidth = 700, kHeight = 140, kMiddle = 80;
  const double zero = evaluations.size() == 2 ? kMiddle : kHeight;
  const double scale = evaluations.size() == 2 ? kHeight / 2 : kHeight - 10;
  const double step = kWidth / static_cast<double>(values.size());
  page += fmt::format("<p>{} of each question, sorted</p><svg width={} height={}>",
                      evaluations.size() == 2 ? "Difference in nDCG" : "nDCG", kWidth + 20, kHeight + 20);
  for (std::size_t q = 0; q < values.size(); ++q) {
    const double height = std::abs(values[q]) * scale;
    page += fmt::format(R"(<rect x={:.2f} y={:.2f} width={:.2f} height={:.2f} fill="{}"/>)",
                        static_cast<double>(q) * step, values[q] < 0 ? zero : zero - height, std::max(step * .9, .2),
                        height, values[q] < 0 ? kColours[1] : kColours[0]);
  }
  page += fmt::format(R"(<line x1=0 x2={} y1={} y2={} stroke="#59636e"/></svg>)", kWidth, zero, zero) + "\n";
}

void AddRanking(const GoldenQuestion& golden, const QuestionResult& result, std::string& page) {
  page += fmt::format("<td class=n>{:.3f}<td>", result.scores.ndcg);
  for (std::size_t place = 0; place < result.ranking.size(); ++place) {
    const std::string& uri = result.ranking[place];
    page += fmt::format("{}. <span class={}>{}</span><br>", place + 1, golden.relevant.contains(uri) ? "hit" : "miss",
                        EscapeHtml(uri));
  }
}

void AddQuestions(std::span<const GoldenQuestion> questions, std::span<const Evaluation> evaluations,
                  std::string& page) {
  page += "<table><tr><th>question";
  for (const Evaluation& evaluation : evaluations) page += "<th>nDCG<th>" + NameOf(evaluation.configuration);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    page += "<tr><td>" + EscapeHtml(questions[q].question);
    for (const Evaluation& evaluation : evaluations) AddRanking(questions[q], evaluation.questions[q], page);
  }
  page += "</table>\n";
}

void AddAnswerMeans(std::span<const AnswerEvaluation> answers, std::string& page) {
  page += "<table><tr><th>configuration";
  for (const AnswerScore& score : kAnswerScores) page += fmt::format("<th>{}", score.name);
  for (const AnswerEvaluation& evaluation : answers) {
    page += "<tr><td>" + NameOf(evaluation.configuration);
    for (const AnswerScore& score : kAnswerScores) {
      const Share& share = evaluation.total.*score.share;
      page += share.value() ? fmt::format("<td class=n>{:.4f} <small>of {}</small>", *share.value(), share.of)
                            : std::string("<td class=n>");
    }
  }
  if (answers.size() == 2) {
    page += kDifference;
    for (const auto& of : CompareAnswers(answers[0], answers[1])) page += IntervalCell(of);
  }
  page += "</table>\n";
  std::vector<Bar> bars;
  for (const AnswerScore& score : kAnswerScores) {
    Bar& bar = bars.emplace_back(Bar{.name = score.name, .values = {}});
    for (const AnswerEvaluation& evaluation : answers) {
      bar.values.push_back((evaluation.total.*score.share).value().value_or(0));
    }
  }
  AddBars(bars, page);
}

void AddAnswer(const AnswerResult& result, std::string& page) {
  page += "<td>";
  for (const AnswerScore& score : kAnswerScores) {
    const Share& share = result.scores.*score.share;
    if (share.value()) page += fmt::format("{} {:.2f}<br>", score.name, *share.value());
  }
  page += "<td>" + EscapeHtml(result.text);
  for (const std::string& uri : result.cited) page += "<br><small>" + EscapeHtml(uri) + "</small>";
}

void AddAnswers(std::span<const GoldenQuestion> questions, std::span<const AnswerEvaluation> answers,
                std::string& page) {
  page += "<table><tr><th>question";
  for (const AnswerEvaluation& evaluation : answers) page += "<th>scores<th>" + NameOf(evaluation.configuration);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    page += "<tr><td>" + EscapeHtml(questions[q].question);
    for (const std::string& known : questions[q].answers) page += "<br><small>" + EscapeHtml(known) + "</small>";
    if (questions[q].unanswerable) page += "<br><small>unanswerable</small>";
    for (const AnswerEvaluation& evaluation : answers) AddAnswer(evaluation.questions[q], page);
  }
  page += "</table>\n";
}

}  // namespace

std::string HtmlReport(std::span<const GoldenQuestion> judged, std::span<const Evaluation> evaluations, std::size_t k,
                       std::span<const GoldenQuestion> questions, std::span<const AnswerEvaluation> answers) {
  std::string page(kHead);
  if (!evaluations.empty()) {
    page += fmt::format("<h1>Retrieval over {} questions</h1>\n", judged.size());
    AddMeans(evaluations, k, page);
    AddMeanBars(evaluations, page);
    AddCurve(evaluations, page);
    AddQuestions(judged, evaluations, page);
  }
  if (!answers.empty()) {
    page += fmt::format("<h1>Answers to {} questions</h1>\n", questions.size());
    AddAnswerMeans(answers, page);
    AddAnswers(questions, answers, page);
  }
  return page + "</body></html>\n";
}

}  // namespace strata::knowledge
