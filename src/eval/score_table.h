// Counts of right answers, and how far they can be trusted.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "eval/tool_eval.h"

namespace strata::eval {

struct Interval {
  double low = 0, high = 0;
};

/// The 95 % interval of a share (Wilson 1927, "Probable inference"): right also for few cases and shares near 0 and 1.
Interval WilsonInterval(std::int64_t right, std::int64_t cases);

/// A row for each category, in the order in which they come, and one for all of them.
std::string ScoreTable(std::span<const CaseResult> results);
nlohmann::ordered_json ScoresJson(std::span<const CaseResult> results);

}  // namespace strata::eval
