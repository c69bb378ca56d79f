// The best k of what comes by, in the order of Ranking.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "knowledge/scored.h"

namespace strata::knowledge {

class Top {
 public:
  explicit Top(std::size_t k) : k_(k) {}

  /// Whether something with that score could still get in.
  bool MayTake(float score) const { return heap_.size() < k_ || (k_ > 0 && score >= heap_.front().score); }
  /// What the score of others has to reach.
  float threshold() const { return heap_.size() < k_ ? -std::numeric_limits<float>::infinity() : heap_.front().score; }
  void Take(ScoredChunk chunk) {
    if (heap_.size() == k_) {
      if (k_ == 0 || !Better(chunk, heap_.front())) return;
      std::ranges::pop_heap(heap_, Better);
      heap_.back() = chunk;
    } else {
      heap_.push_back(chunk);
    }
    std::ranges::push_heap(heap_, Better);
  }
  Ranking Sorted() && {
    std::ranges::sort(heap_, Better);
    return std::move(heap_);
  }

 private:
  static bool Better(const ScoredChunk& a, const ScoredChunk& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  }

  std::size_t k_;
  Ranking heap_;  ///< the worst in front
};

}  // namespace strata::knowledge
