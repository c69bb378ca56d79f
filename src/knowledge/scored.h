// What a search of one index gives.
#pragma once

#include <vector>

#include "knowledge/types.h"

namespace strata::knowledge {

struct ScoredChunk {
  ChunkId id = 0;
  float score = 0;  ///< higher is better
  bool operator==(const ScoredChunk&) const = default;
};

/// Best first; equal scores by id.
using Ranking = std::vector<ScoredChunk>;

}  // namespace strata::knowledge
