// How fast the rows of `strata bench` could be: the roofline of the steps that they time.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "runtime/model_runner.h"
#include "runtime/roofline.h"

namespace strata::cli {

struct Limit {
  double tokens_per_second = 0;
  BoundBy by = BoundBy::kBytes;  ///< what most of the time goes to
};

/// "bytes", "arithmetic".
std::string_view NameOf(BoundBy by);

class StepLimits {
 public:
  /// Measures the machine with the runner's number of threads, about 0.1 s, and later the bandwidth of reading its
  /// weights. Refers to `runner`.
  explicit StepLimits(const ModelRunner& runner)
      : runner_(runner), meter_(runner.options().threads, runner.packed_weights()) {}

  /// Of MeasurePrefill. Errors of all: kResourceExhausted when there is no memory to measure the bandwidth with.
  Result<Limit> Prefill(std::int64_t tokens);
  /// Of MeasureTexts.
  Result<Limit> Texts(std::int64_t texts, std::int64_t tokens);
  /// Of MeasureDecode.
  Result<Limit> Decode(std::int64_t streams, std::int64_t prompt, std::int64_t tokens);
  /// Of streams from a server: the prompts are computed first, in one step, and do not count as tokens.
  Result<Limit> Serve(std::int64_t streams, std::int64_t prompt, std::int64_t tokens);

 private:
  struct Time {
    double bytes = 0, arithmetic = 0;  ///< seconds of the steps that these limit
    Limit Of(std::int64_t tokens) const;
  };
  Status Add(const StepShape& shape, std::int64_t steps, Time& time);
  Status AddDecode(std::int64_t streams, std::int64_t prompt, std::int64_t tokens, Time& time);

  const ModelRunner& runner_;
  RooflineMeter meter_;
};

}  // namespace strata::cli
