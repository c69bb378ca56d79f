#include "quantize/calibration.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace strata::quantize {
namespace {

/// Gives back what a window took, and ends the observation, however the run ends.
class Observation {
 public:
  Observation(ModelRunner& runner, std::function<void(const LinearInput&)> observer) : runner_(runner) {
    runner_.ObserveLinears(std::move(observer));
  }
  ~Observation() {
    runner_.ObserveLinears(nullptr);
    runner_.kv().Release(table_);
  }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  Status Run(std::span<const std::int32_t> ids, std::int64_t step_tokens) {
    runner_.kv().Release(table_);
    table_.clear();
    STRATA_CHECK(runner_.kv().Allocate(KvPool::BlocksFor(std::ssize(ids)), table_));
    for (std::int64_t at = 0; at < std::ssize(ids); at += step_tokens) {
      const std::int64_t count = std::min(step_tokens, std::ssize(ids) - at);
      const auto tokens = ids.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
      const SequenceSlice slice{tokens, at, table_, WantLogits::kNone};
      STRATA_CHECK(runner_.Run({&slice, 1}));
    }
    return {};
  }

 private:
  ModelRunner& runner_;
  std::vector<std::int32_t> table_;
};

}  // namespace

Result<Calibration> Calibrate(ModelRunner& runner, std::span<const std::int32_t> ids, std::int64_t window,
                              const std::set<std::string, std::less<>>& weights,
                              const std::function<void(double fraction)>& progress) {
  std::map<std::string, std::shared_ptr<InputStatistics>, std::less<>> gathered;
  const auto gather = [&](const LinearInput& input) {
    std::shared_ptr<InputStatistics> statistics;
    for (const std::string& name : input.weights) {
      if (!weights.contains(name)) continue;
      std::shared_ptr<InputStatistics>& slot = gathered[name];
      if (slot == nullptr) {
        slot = statistics != nullptr ? statistics : std::make_shared<InputStatistics>(input.columns);
      }
      if (slot == statistics) continue;  // seen with a weight before it
      statistics = slot;
      statistics->Add(input.values, input.rows);
    }
  };
  Observation observation(runner, gather);
  const auto all = std::ssize(ids);
  for (std::int64_t at = 0; at < all; at += window) {
    const auto count = static_cast<std::size_t>(std::min(window, all - at));
    STRATA_CHECK(observation.Run(ids.subspan(static_cast<std::size_t>(at), count), runner.options().max_step_tokens));
    if (progress) progress(static_cast<double>(at + static_cast<std::int64_t>(count)) / static_cast<double>(all));
  }
  for (const auto& [name, statistics] : gathered) {
    bool finite = true;
    for (std::int64_t c = 0; c < statistics->columns(); ++c) finite = finite && std::isfinite(statistics->gram(c, c));
    if (finite) continue;
    return Fail(ErrorCode::kInvalidArgument, "the calibration text makes inputs of {} that are not finite", name);
  }
  return Calibration(gathered.begin(), gathered.end());
}

}  // namespace strata::quantize
