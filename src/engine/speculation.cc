#include "engine/speculation.h"

#include <algorithm>
#include <cstddef>
#include <queue>

namespace strata {

std::vector<std::int64_t> ChooseDrafts(std::span<const std::span<const float>> chances, SpeculationCost cost,
                                       std::int64_t rows) {
  std::vector<std::int64_t> counts(chances.size(), 0);
  const auto next = [&](std::size_t s) { return chances[s][static_cast<std::size_t>(counts[s])]; };
  const auto later = [&](std::size_t a, std::size_t b) { return next(a) != next(b) ? next(a) < next(b) : a > b; };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> likeliest(later);
  for (std::size_t s = 0; s < chances.size(); ++s) {
    if (!chances[s].empty()) likeliest.push(s);
  }
  for (; rows > 0 && !likeliest.empty(); --rows) {
    const std::size_t s = likeliest.top();
    const auto chance = static_cast<double>(next(s));
    // (tokens + chance) / (seconds + row_seconds) > tokens / seconds
    if (!(chance * cost.seconds > cost.row_seconds * cost.tokens)) break;
    cost.tokens += chance;
    cost.seconds += cost.row_seconds;
    likeliest.pop();
    if (++counts[s] < static_cast<std::int64_t>(chances[s].size())) likeliest.push(s);
  }
  return counts;
}

}  // namespace strata
