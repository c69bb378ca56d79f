#include "knowledge/evaluate/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <unordered_set>
#include <vector>

namespace strata::knowledge {
namespace {

double Gain(double relevance) { return std::exp2(relevance) - 1; }
double Discount(std::size_t place) { return 1 / std::log2(static_cast<double>(place) + 2); }

}  // namespace

RankingScores ScoreRanking(std::span<const std::string> ranking, const Judgements& judgements, std::size_t k) {
  std::vector<double> ideal;
  for (const auto& [id, relevance] : judgements) {
    if (relevance > 0) ideal.push_back(relevance);
  }
  RankingScores scores;
  if (ideal.empty() || k == 0) return scores;
  std::unordered_set<std::string> seen;
  double gained = 0;
  std::size_t found = 0;
  for (const std::string& id : ranking) {
    if (seen.size() == k) break;
    if (!seen.insert(id).second) continue;
    const auto judged = judgements.find(id);
    if (judged == judgements.end() || judged->second <= 0) continue;
    const std::size_t place = seen.size() - 1;
    if (found++ == 0) scores.reciprocal_rank = 1 / static_cast<double>(place + 1);
    gained += Gain(judged->second) * Discount(place);
  }
  std::ranges::sort(ideal, std::greater());
  double most = 0;
  for (std::size_t i = 0; i < std::min(k, ideal.size()); ++i) most += Gain(ideal[i]) * Discount(i);
  scores.ndcg = gained / most;
  scores.recall = static_cast<double>(found) / static_cast<double>(ideal.size());
  scores.precision = static_cast<double>(found) / static_cast<double>(k);
  return scores;
}

std::optional<Comparison> Bootstrap(std::size_t count, const DifferenceOf& difference_of, int resamples,
                                    std::uint64_t seed) {
  assert(resamples > 0);
  std::vector<std::size_t> picked(count);
  std::iota(picked.begin(), picked.end(), std::size_t{0});
  const std::optional<double> whole = difference_of(picked);
  if (!whole) return std::nullopt;
  std::mt19937_64 random(seed);
  std::vector<double> differences;
  for (int i = 0; i < resamples; ++i) {
    std::ranges::generate(picked, [&] { return random() % count; });
    if (const auto difference = difference_of(picked)) differences.push_back(*difference);
  }
  if (differences.empty()) differences.push_back(*whole);
  std::ranges::sort(differences);
  const auto at = [&](double share) {
    return differences[static_cast<std::size_t>(share * static_cast<double>(differences.size() - 1))];
  };
  return Comparison{.difference = *whole, .low = at(.025), .high = at(.975)};
}

Comparison ComparePaired(std::span<const double> a, std::span<const double> b, int resamples, std::uint64_t seed) {
  assert(a.size() == b.size());
  const auto mean_of = [&](std::span<const std::size_t> questions) -> std::optional<double> {
    if (questions.empty()) return std::nullopt;
    double sum = 0;
    for (const std::size_t question : questions) sum += b[question] - a[question];
    return sum / static_cast<double>(questions.size());
  };
  return Bootstrap(a.size(), mean_of, resamples, seed).value_or(Comparison());
}

std::optional<Comparison> CompareShares(std::span<const Share> a, std::span<const Share> b) {
  assert(a.size() == b.size());
  return Bootstrap(a.size(), [&](std::span<const std::size_t> questions) -> std::optional<double> {
    Share of_a, of_b;
    for (const std::size_t question : questions) {
      of_a += a[question];
      of_b += b[question];
    }
    if (!of_a.value() || !of_b.value()) return std::nullopt;
    return *of_b.value() - *of_a.value();
  });
}

}  // namespace strata::knowledge
