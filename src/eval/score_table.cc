#include "eval/score_table.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace strata::eval {
namespace {

struct Score {
  std::string name;
  std::int64_t cases = 0, right = 0;
  std::int64_t failed = 0;  ///< requests without an answer
  double share() const { return cases == 0 ? 0 : static_cast<double>(right) / static_cast<double>(cases); }
};

std::vector<Score> ScoresOf(std::span<const CaseResult> results) {
  std::vector<Score> scores;
  Score all{.name = "all"};
  for (const CaseResult& result : results) {
    auto score = std::ranges::find(scores, result.category, &Score::name);
    if (score == scores.end()) score = scores.insert(score, {.name = result.category});
    for (Score* one : {&*score, &all}) {
      ++one->cases;
      if (result.verdict.right) ++one->right;
      if (!result.error.empty()) ++one->failed;
    }
  }
  scores.push_back(all);
  return scores;
}

}  // namespace

Interval WilsonInterval(std::int64_t right, std::int64_t cases) {
  if (cases == 0) return {.low = 0, .high = 1};
  constexpr double kZ = 1.959963984540054;  // of the normal distribution, at 97.5 %
  const auto n = static_cast<double>(cases);
  const double share = static_cast<double>(right) / n;
  const double middle = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  return {.low = std::max(0.0, middle - half), .high = std::min(1.0, middle + half)};
}

std::string ScoreTable(std::span<const CaseResult> results) {
  std::string table = fmt::format("{:<24} {:>6} {:>6} {:>7}  {:>15} {:>7}\n", "category", "cases", "right", "%",
                                  "95 % interval", "failed");
  for (const Score& score : ScoresOf(results)) {
    const auto [low, high] = WilsonInterval(score.right, score.cases);
    table += fmt::format("{:<24} {:>6} {:>6} {:>7.1f}  {:>6.1f} … {:>6.1f} {:>7}\n", score.name, score.cases,
                         score.right, 100 * score.share(), 100 * low, 100 * high, score.failed);
  }
  return table;
}

nlohmann::ordered_json ScoresJson(std::span<const CaseResult> results) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Score& score : ScoresOf(results)) {
    const auto [low, high] = WilsonInterval(score.right, score.cases);
    json.push_back({{"category", score.name},
                    {"cases", score.cases},
                    {"right", score.right},
                    {"share", score.share()},
                    {"low", low},
                    {"high", high},
                    {"failed", score.failed}});
  }
  return json;
}

}  // namespace strata::eval
