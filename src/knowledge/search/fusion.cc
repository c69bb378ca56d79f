#include "knowledge/search/fusion.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace strata::knowledge {
namespace {

// Of the paper: what the first ranks are smoothed with.
constexpr double kRankConstant = 60;

/// To [0, 1]; where all are equal, each is as good as the best.
double Normalised(double score, double least, double most) {
  return most > least ? (score - least) / (most - least) : 1;
}

void Sort(std::vector<FusedChunk>& chunks) {
  std::ranges::sort(chunks, [](const FusedChunk& a, const FusedChunk& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
}

/// Chunks by id, in the order in which they came.
class Collected {
 public:
  FusedChunk& operator[](ChunkId id) {
    const auto [found, fresh] = places_.try_emplace(id, chunks_.size());
    if (fresh) chunks_.push_back({.id = id});
    return chunks_[found->second];
  }
  std::vector<FusedChunk> Sorted() && {
    Sort(chunks_);
    return std::move(chunks_);
  }

 private:
  std::unordered_map<ChunkId, std::size_t> places_;
  std::vector<FusedChunk> chunks_;
};

void AddLeg(const Ranking& ranking, FusionMethod method, double weight, std::optional<LegScore> FusedChunk::* leg,
            Collected& fused) {
  if (ranking.empty()) return;
  const auto most = static_cast<double>(ranking.front().score), least = static_cast<double>(ranking.back().score);
  std::size_t rank = 0;
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    if (i == 0 || ranking[i].score != ranking[i - 1].score) rank = i + 1;
    const LegScore score{.rank = rank,
                         .score = ranking[i].score,
                         .normalised = Normalised(static_cast<double>(ranking[i].score), least, most)};
    FusedChunk& chunk = fused[ranking[i].id];
    chunk.*leg = score;
    chunk.score += weight * (method == FusionMethod::kConvex ? score.normalised
                                                             : 1 / (kRankConstant + static_cast<double>(score.rank)));
  }
}

float Cosine(std::span<const float> vectors, std::size_t dimensions, std::size_t a, std::size_t b) {
  float product = 0;
  for (std::size_t i = 0; i < dimensions; ++i) product += vectors[a * dimensions + i] * vectors[b * dimensions + i];
  return product;
}

}  // namespace

std::vector<FusedChunk> Fuse(const Ranking& lexical, const Ranking& vectors, FusionMethod method, double alpha) {
  Collected fused;
  AddLeg(lexical, method, 1 - alpha, &FusedChunk::lexical, fused);
  AddLeg(vectors, method, alpha, &FusedChunk::vectors, fused);
  return std::move(fused).Sorted();
}

std::vector<FusedChunk> JoinWordings(std::span<const std::vector<FusedChunk>> rankings) {
  if (rankings.size() == 1) return rankings.front();
  Collected joined;
  for (const std::vector<FusedChunk>& ranking : rankings) {
    for (const FusedChunk& found : ranking) {
      FusedChunk& chunk = joined[found.id];
      chunk.score += found.score / static_cast<double>(rankings.size());
      if (!chunk.lexical) chunk.lexical = found.lexical;
      if (!chunk.vectors) chunk.vectors = found.vectors;
    }
  }
  return std::move(joined).Sorted();
}

std::vector<std::size_t> Diversify(std::span<const double> relevance, std::span<const float> vectors, double lambda,
                                   std::size_t limit) {
  const std::size_t count = relevance.size();
  std::vector<std::size_t> taken;
  if (count == 0) return taken;
  const std::size_t dimensions = vectors.size() / count;
  const auto [least, most] = std::ranges::minmax(relevance);
  std::vector<float> nearest(count, 0);  // cosine with the nearest of those taken; opposite ones are no gain
  std::vector<bool> is_taken(count);
  while (taken.size() < std::min(limit, count)) {
    std::size_t best = count;
    double best_gain = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < count; ++i) {
      if (is_taken[i]) continue;
      const double gain =
          lambda * Normalised(relevance[i], least, most) - (1 - lambda) * static_cast<double>(nearest[i]);
      if (gain > best_gain) best = i, best_gain = gain;
    }
    is_taken[best] = true;
    taken.push_back(best);
    for (std::size_t i = 0; i < count; ++i) nearest[i] = std::max(nearest[i], Cosine(vectors, dimensions, i, best));
  }
  return taken;
}

}  // namespace strata::knowledge
