#include "cli/bench_limit.h"

#include <algorithm>
#include <vector>

namespace strata::cli {

std::string_view NameOf(BoundBy by) { return by == BoundBy::kBytes ? "bytes" : "arithmetic"; }

Limit StepLimits::Time::Of(std::int64_t tokens) const {
  return {static_cast<double>(tokens) / (bytes + arithmetic),
          bytes > arithmetic ? BoundBy::kBytes : BoundBy::kArithmetic};
}

Status StepLimits::Add(const StepShape& shape, std::int64_t steps, Time& time) {
  const std::vector<OperationCost> costs = runner_.Costs(shape);
  STRATA_TRY(const Roofline roofline, meter_.AtStep(costs));
  const Bound bound = StepBound(costs, roofline);
  (bound.by == BoundBy::kBytes ? time.bytes : time.arithmetic) += bound.seconds * static_cast<double>(steps);
  return {};
}

Status StepLimits::AddDecode(std::int64_t streams, std::int64_t prompt, std::int64_t tokens, Time& time) {
  // What a step takes grows evenly with its context: all are as long as the one in the middle.
  return Add({.sequences = streams, .context = prompt + tokens / 2, .logit_rows = streams}, tokens, time);
}

Result<Limit> StepLimits::Prefill(std::int64_t tokens) {
  Time time;
  const std::int64_t step = runner_.options().max_step_tokens;
  for (std::int64_t begin = 0; begin < tokens; begin += step) {
    const std::int64_t rows = std::min(step, tokens - begin);
    STRATA_CHECK(Add({.rows = rows, .context = begin, .logit_rows = begin + rows == tokens}, 1, time));
  }
  return time.Of(tokens);
}

Result<Limit> StepLimits::Texts(std::int64_t texts, std::int64_t tokens) {
  Time time;
  STRATA_CHECK(Add({.sequences = texts, .rows = tokens, .logit_rows = texts}, 1, time));
  return time.Of(texts * tokens);
}

Result<Limit> StepLimits::Decode(std::int64_t streams, std::int64_t prompt, std::int64_t tokens) {
  Time time;
  STRATA_CHECK(AddDecode(streams, prompt, tokens, time));
  return time.Of(streams * tokens);
}

Result<Limit> StepLimits::Serve(std::int64_t streams, std::int64_t prompt, std::int64_t tokens) {
  Time time;
  STRATA_CHECK(Add({.sequences = streams, .rows = prompt, .logit_rows = streams}, 1, time));
  STRATA_CHECK(AddDecode(streams, prompt, tokens - 1, time));  // the first tokens came with the prompts
  return time.Of(streams * tokens);
}

}  // namespace strata::cli
