#include "knowledge/evaluate/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
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

Comparison ComparePaired(std::span<const double> a, std::span<const double> b, int resamples, std::uint64_t seed) {
  assert(a.size() == b.size() && resamples > 0);
  if (a.empty()) return {};
  const auto mean_of = [&](auto&& pick) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::size_t question = pick(i);
      sum += b[question] - a[question];
    }
    return sum / static_cast<double>(a.size());
  };
  std::mt19937_64 random(seed);
  std::vector<double> means;
  for (int i = 0; i < resamples; ++i) means.push_back(mean_of([&](std::size_t) { return random() % a.size(); }));
  std::ranges::sort(means);
  const auto at = [&](double share) {
    return means[static_cast<std::size_t>(share * static_cast<double>(resamples - 1))];
  };
  return {.difference = mean_of([](std::size_t i) { return i; }), .low = at(.025), .high = at(.975)};
}

}  // namespace strata::knowledge
