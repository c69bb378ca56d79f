#include "knowledge/evaluate/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/html.h"

namespace strata::knowledge {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Retrieval</title><style>
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

std::string NameOf(const Evaluation& evaluation) {
  return evaluation.configuration.empty() ? "the base's own" : EscapeHtml(evaluation.configuration);
}

void AddMeans(std::span<const Evaluation> evaluations, std::size_t k, std::string& page) {
  page += "<table><tr><th>configuration";
  for (const Score& score : kScores) page += fmt::format("<th>{}@{}", score.name, k);
  for (const Evaluation& evaluation : evaluations) {
    page += "<tr><td>" + NameOf(evaluation);
    for (const Score& score : kScores) page += fmt::format("<td class=n>{:.4f}", evaluation.mean.*score.value);
  }
  if (evaluations.size() == 2) {
    const EvaluationComparison comparison = Compare(evaluations[0], evaluations[1]);
    page += "<tr><td>difference, 95 % interval";
    for (const Score& score : kScores) {
      const Comparison& of = comparison.*score.compared;
      page += fmt::format("<td class=n>{:+.4f} <small>[{:+.4f}, {:+.4f}]</small>", of.difference, of.low, of.high);
    }
  }
  page += "</table>\n";
}

/// The means as bars, side by side.
void AddBars(std::span<const Evaluation> evaluations, std::string& page) {
  constexpr int kWidth = 140, kHeight = 160, kBar = 40;
  page += fmt::format("<svg width={} height={}>", kWidth * std::ssize(kScores) + 20, kHeight + 40);
  for (std::size_t s = 0; s < kScores.size(); ++s) {
    for (std::size_t e = 0; e < evaluations.size(); ++e) {
      const double value = evaluations[e].mean.*kScores[s].value;
      const double height = value * kHeight;
      const auto left = static_cast<double>(s * kWidth + 10 + e * (kBar + 6));
      page += fmt::format(
          R"(<rect x={:.0f} y={:.1f} width={} height={:.1f} fill="{}"/><text x={:.0f} y={:.1f}>{:.2f}</text>)", left,
          kHeight - height + 16, kBar, height, kColours[e], left + 4, kHeight - height + 12, value);
    }
    page += fmt::format("<text x={} y={}>{}</text>", s * kWidth + 10, kHeight + 34, kScores[s].name);
  }
  page += "</svg>\n";
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
  for (const Evaluation& evaluation : evaluations) page += "<th>nDCG<th>" + NameOf(evaluation);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    page += "<tr><td>" + EscapeHtml(questions[q].question);
    for (const Evaluation& evaluation : evaluations) AddRanking(questions[q], evaluation.questions[q], page);
  }
  page += "</table>\n";
}

}  // namespace

std::string HtmlReport(std::span<const GoldenQuestion> questions, std::span<const Evaluation> evaluations,
                       std::size_t k) {
  std::string page(kHead);
  page += fmt::format("<h1>Retrieval over {} questions</h1>\n", questions.size());
  AddMeans(evaluations, k, page);
  AddBars(evaluations, page);
  AddCurve(evaluations, page);
  AddQuestions(questions, evaluations, page);
  return page + "</body></html>\n";
}

}  // namespace strata::knowledge
