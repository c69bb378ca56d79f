// Rankings of both indexes to one.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "knowledge/scored.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

struct FusedChunk {
  ChunkId id = 0;
  double score = 0;
  std::optional<LegScore> lexical = {}, vectors = {};
};

/// Best first; equal scores by id. `alpha`: the vectors' weight, of both methods. A leg that has not found a chunk
/// gives it nothing.
std::vector<FusedChunk> Fuse(const Ranking& lexical, const Ranking& vectors, FusionMethod method, double alpha);

/// Several wordings of one question: the mean of their scores (CombSUM, Fox and Shaw 1994); the legs are those of the
/// first that has found the chunk.
std::vector<FusedChunk> JoinWordings(std::span<const std::vector<FusedChunk>> rankings);

/// Maximal marginal relevance: up to `limit` places of `relevance`, each time the one with the largest
/// lambda * relevance - (1 - lambda) * its largest cosine with those before it. Relevance is normalised to [0, 1]
/// first; vectors: of length 1, [relevance, dimensions].
std::vector<std::size_t> Diversify(std::span<const double> relevance, std::span<const float> vectors, double lambda,
                                   std::size_t limit);

}  // namespace strata::knowledge
