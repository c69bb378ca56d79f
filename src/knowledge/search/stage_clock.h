// How long the stages of a search or an answer take.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

class StageClock {
 public:
  explicit StageClock(std::vector<StageTime>& times) : times_(times) {}

  /// What was done since the last one, or since the beginning.
  void Ended(std::string stage) {
    const double now = MonotonicSeconds();
    times_.push_back({.stage = std::move(stage), .seconds = now - last_});
    last_ = now;
  }

 private:
  std::vector<StageTime>& times_;
  double last_ = MonotonicSeconds();
};

}  // namespace strata::knowledge
