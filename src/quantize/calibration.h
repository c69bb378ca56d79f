// Running calibration text through a model.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/result.h"
#include "quantize/input_statistics.h"
#include "runtime/model_runner.h"

namespace strata::quantize {

/// By the tensor of the weight. Weights of one input share their statistics.
using Calibration = std::map<std::string, std::shared_ptr<const InputStatistics>, std::less<>>;

/// Runs `ids` in windows of `window` tokens, each as a sequence of its own, and gathers what the linears over `weights`
/// read. Errors: the runner's; kInvalidArgument where an input is not finite.
Result<Calibration> Calibrate(ModelRunner& runner, std::span<const std::int32_t> ids, std::int64_t window,
                              const std::set<std::string, std::less<>>& weights,
                              const std::function<void(double fraction)>& progress);

}  // namespace strata::quantize
