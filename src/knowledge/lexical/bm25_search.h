// The best k of the segments' documents for some terms, by BM25.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "knowledge/bitmap.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/lexical/segment.h"
#include "knowledge/scored.h"

namespace strata::knowledge {

/// Exact. A term's count in the query is its weight. `allowed`: null for all.
Ranking SearchSegments(std::span<const std::shared_ptr<Segment>> segments, std::span<const TermCount> terms,
                       const Bm25& bm25, std::size_t k, const Bitmap* allowed);

}  // namespace strata::knowledge
