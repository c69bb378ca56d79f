// Loops over independent parts of a matrix, on all threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/thread_team.h"

namespace strata::quantize {

class Workers {
 public:
  explicit Workers(int threads) : team_(std::max(threads, 1), {.name = "strata/quantize", .pin = false}) {}

  /// Calls work(begin, end) with disjoint ranges of [0, count), of `chunk` each but for the last, and returns when all
  /// are done. Not from inside itself. What a range gives must not depend on who has which.
  template <class Work>
  void For(std::int64_t count, std::int64_t chunk, const Work& work) {
    if (count <= chunk || team_.size() == 1) {
      for (std::int64_t begin = 0; begin < count; begin += chunk) work(begin, std::min(begin + chunk, count));
      return;
    }
    std::atomic<std::int64_t> next = 0;
    team_.Run([&](int) {
      for (std::int64_t begin = next.fetch_add(chunk); begin < count; begin = next.fetch_add(chunk)) {
        work(begin, std::min(begin + chunk, count));
      }
    });
  }

 private:
  ThreadTeam team_;
};

}  // namespace strata::quantize
