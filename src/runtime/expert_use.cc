#include "runtime/expert_use.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace strata {

std::string DescribeExpertUse(std::span<const ModelRunner::ExpertUse> use) {
  std::string text;
  for (const ModelRunner::ExpertUse& mixture : use) {
    std::vector<std::uint64_t> rows(mixture.rows.begin(), mixture.rows.end());
    std::ranges::sort(rows, std::ranges::greater());
    const auto all = std::accumulate(rows.begin(), rows.end(), std::uint64_t{0});
    if (all == 0) continue;
    std::size_t half = 0;
    for (std::uint64_t sum = 0; 2 * sum < all; ++half) sum += rows[half];
    const auto count = static_cast<double>(rows.size());
    text += fmt::format("  {:<14} {:>10} rows at {} experts, the busiest {:.2f} times its share, half of all at {}\n",
                        mixture.value, all, rows.size(),
                        static_cast<double>(rows[0]) * count / static_cast<double>(all), half);
  }
  return text;
}

}  // namespace strata
