// The engine in virtual time: the same Schedule(), a step takes what the cost model says. It tells what a trace of
// arrivals would feel under a policy, in a fraction of a second; and it runs the scheduler's scenario tests.
//
//   STRATA_TRY(auto timelines, Simulate(trace, {.scheduler = {.policy = SchedulingPolicy::kFair}, .cost = cost}));
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/scheduler.h"
#include "engine/step_cost.h"

namespace strata {

struct TraceRequest {
  double arrival = 0;  ///< seconds from the start
  std::int64_t prompt_tokens = 1, output_tokens = 1;
  std::int32_t tenant = 0;
  int priority = 0;
  std::string prefix = {};  ///< requests of the same name share their first `prefix_tokens`; "" = nothing shared
  std::int64_t prefix_tokens = 0;
};

/// One JSON object a line: arrival, prompt_tokens, output_tokens; optional tenant, priority, prefix, prefix_tokens.
/// Sorted by arrival. Errors: kInvalidArgument naming line and field.
Result<std::vector<TraceRequest>> ParseTrace(std::string_view text);

/// What happened to a request: seconds from the trace's start.
struct RequestTimeline {
  double arrival = 0;
  std::vector<double> tokens;  ///< when each output token came
};

struct SimulatorOptions {
  SchedulerOptions scheduler = {};
  std::int64_t kv_blocks = 1 << 20;
  bool prefix_cache = true;  ///< in whole blocks, least recently used prefixes go first
  StepCost cost = {};
  /// Factors by which real steps differ from what `cost` says, each as likely as the others (NoiseOf); a step takes one
  /// at random, the same in every run. Empty = steps take what they cost.
  std::vector<double> noise = {};
  /// Sees every step before it is applied; `seconds` is what it takes.
  std::function<void(const SchedulerView& view, const StepDecision& decision, double seconds)> on_step = {};
};

/// The timelines in the trace's order. Errors: kInvalidArgument: a request larger than the whole KV pool, named by its
/// place; kInternal: the scheduler leaves work lying.
Result<std::vector<RequestTimeline>> Simulate(const std::vector<TraceRequest>& trace, const SimulatorOptions& options);

/// Percentiles by the nearest rank, milliseconds.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0;
};
Percentiles PercentilesOf(std::vector<double> milliseconds);

struct LatencySummary {
  Percentiles first_token, between_tokens, whole;  ///< TTFT, ITL, E2E
  double tokens_per_second = 0;                    ///< output tokens over the time from first arrival to last token
};
LatencySummary Summarise(const std::vector<RequestTimeline>& timelines);

}  // namespace strata
