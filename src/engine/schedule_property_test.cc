// What holds for every decision under every policy, over random traces, pools and budgets.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "engine/simulator.h"

namespace strata {
namespace {

/// A machine of 1 ms a step and 0.1 ms a row.
StepCost SomeCost() {
  const auto cost = StepCost::FromJson(R"({"step": 1000, "row_to_8": 100, "row_to_64": 100, "row_beyond": 100,
      "logit_row": 50, "read": 0.05, "pass": 0.05, "prefill": 200})");
  EXPECT_TRUE(cost);
  return *cost;
}

std::int64_t Blocks(const SchedulerOptions& options, std::int64_t tokens) {
  return (tokens + options.block_tokens - 1) / options.block_tokens;
}

std::int64_t Missing(const SchedulerOptions& options, const SequenceView& s) {
  return std::max<std::int64_t>(0, Blocks(options, s.length) - s.blocks);
}

/// Looks at one decision.
void Check(const SchedulerView& view, const StepDecision& decision, const SchedulerOptions& options) {
  std::map<RequestId, const SequenceView*> active;
  std::int64_t free = view.free_blocks, missing = 0;
  for (const SequenceView& s : view.running) {
    active[s.id] = &s;
    missing += Missing(options, s);
  }
  EXPECT_TRUE(decision.preempt.empty() || missing > free) << "preempts although everything fits";
  EXPECT_TRUE(decision.preempt.empty() || decision.admit.empty()) << "admits with blocks taken from another";
  for (const RequestId id : decision.preempt) {
    ASSERT_TRUE(active.contains(id));
    EXPECT_GT(missing, free) << "preempts more than it must";
    missing -= Missing(options, *active[id]);
    free += active[id]->blocks - active[id]->shared;
    active.erase(id);
  }
  for (const RequestId id : decision.admit) {
    const auto found = std::ranges::find(view.waiting, id, &SequenceView::id);
    ASSERT_NE(found, view.waiting.end());
    ASSERT_TRUE(active.emplace(id, &*found).second) << "admitted twice";
    missing += Missing(options, *found);
  }
  EXPECT_LE(missing, free) << "blocks are over-committed";
  EXPECT_LE(static_cast<std::int64_t>(active.size()), options.max_sequences);

  std::int64_t rows = 0;
  std::set<RequestId> seen;
  std::set<std::uint64_t> computing;
  bool prefilling = false, decoding = false;
  for (const auto& [id, tokens] : decision.slices) {
    ASSERT_TRUE(active.contains(id)) << "computes what does not run";
    EXPECT_TRUE(seen.insert(id).second) << "computes one twice";
    const SequenceView& s = *active[id];
    EXPECT_GE(tokens, 1);
    EXPECT_LE(tokens, s.decoding() ? 1 + s.drafts : s.left());
    EXPECT_TRUE(s.computed >= s.prompt || s.computed + tokens <= s.prompt) << "a chunk beyond the prompt's end";
    EXPECT_FALSE(s.decoding() && prefilling) << "a decode row after a prefill chunk";
    prefilling = prefilling || !s.decoding();
    decoding = decoding || s.decoding();
    EXPECT_TRUE(s.decoding() || s.next_block == 0 || computing.insert(s.next_block).second) << "a block twice";
    rows += tokens;
  }
  EXPECT_EQ(rows, decision.work.rows);
  EXPECT_LE(rows, options.max_step_tokens);
  // Work conserving: every decode row is computed, somebody's prefill always goes on, and with nobody to disturb the
  // budget is used up.
  EXPECT_TRUE(!decision.slices.empty() || (active.empty() && view.waiting.empty()));
  std::int64_t left = 0;
  for (const auto& [id, s] : active) {
    EXPECT_TRUE(!s->decoding() || seen.contains(id)) << "a stream stands still";
    EXPECT_TRUE(s->decoding() || prefilling || rows == options.max_step_tokens) << "prefill stands still";
    if (!s->decoding() && (s->next_block == 0 || seen.contains(id))) left += s->left_of_phase();
  }
  if (!decoding) {
    EXPECT_EQ(rows, std::min(left, options.max_step_tokens));
  }
}

class Policies : public testing::TestWithParam<SchedulingPolicy> {};

TEST_P(Policies, KeepTheirPromisesOnRandomTraces) {
  std::mt19937 random(17);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  for (int round = 0; round < 60; ++round) {
    SimulatorOptions options;
    SchedulerOptions& scheduler = options.scheduler;
    scheduler.policy = GetParam();
    scheduler.max_sequences = pick(1, 12);
    scheduler.max_step_tokens = scheduler.max_sequences + pick(0, 80);
    scheduler.patience = 0.1;
    scheduler.itl_target = round % 3 == 0 ? 0.002 : 0;
    scheduler.tenant_weights = {1, 2, 0.5};
    options.kv_blocks = pick(20, 80);  // a request has 18 blocks at most
    options.cost = SomeCost();
    options.cost.known = round % 5 != 0;
    std::vector<TraceRequest> trace;
    double arrival = 0;
    std::int64_t tokens = 0;
    for (int i = 0; i < 60; ++i) {
      arrival += round % 2 == 0 ? 0 : std::exponential_distribution<double>(100)(random);
      TraceRequest request{.arrival = arrival,
                           .prompt_tokens = pick(1, 200),
                           .output_tokens = pick(1, 60),
                           .tenant = static_cast<std::int32_t>(pick(0, 3)),
                           .priority = static_cast<int>(pick(-1, 1))};
      if (pick(0, 2) == 0) {
        request.prefix = pick(0, 1) == 0 ? "a" : "b";
        request.prefix_tokens = pick(0, request.prompt_tokens);
      }
      tokens += request.prompt_tokens + request.output_tokens;
      trace.push_back(request);
    }
    std::int64_t steps = 0;
    options.on_step = [&](const SchedulerView& view, const StepDecision& decision, double) {
      Check(view, decision, scheduler);
      if (testing::Test::HasFailure() || ++steps > 20 * tokens) throw std::runtime_error("enough");
    };
    const auto timelines = Simulate(trace, options);  // its own errors: nothing scheduled, blocks over-committed
    ASSERT_TRUE(timelines) << timelines.error().ToString();
    for (std::size_t i = 0; i < trace.size(); ++i) {
      ASSERT_EQ(static_cast<std::int64_t>((*timelines)[i].tokens.size()), trace[i].output_tokens) << "starved";
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, Policies,
                         testing::Values(SchedulingPolicy::kFcfs, SchedulingPolicy::kPriority, SchedulingPolicy::kLpm,
                                         SchedulingPolicy::kFair));

TEST(FairPolicy, ServesBackloggedTenantsByWeight) {
  SimulatorOptions options;
  options.scheduler = {.max_sequences = 4, .max_step_tokens = 64, .tenant_weights = {1, 1, 3}};
  options.cost = SomeCost();
  std::mt19937 random(5);
  std::vector<TraceRequest> trace;
  // Tenant 1 was first with everything it has; tenant 2 asks for as much.
  for (int i = 0; i < 400; ++i) {
    trace.push_back({.arrival = i < 200 ? 0.0 : 0.001,
                     .prompt_tokens = 20 + static_cast<std::int64_t>(random() % 60),
                     .output_tokens = 1 + static_cast<std::int64_t>(random() % 40),
                     .tenant = i < 200 ? 1 : 2});
  }
  std::map<std::int32_t, double> served;  // over weight
  options.on_step = [&](const SchedulerView& view, const StepDecision& decision, double) {
    std::map<std::int32_t, int> waiting;
    std::map<RequestId, std::int32_t> tenants;
    for (const auto& list : {view.running, view.waiting}) {
      for (const SequenceView& s : list) tenants[s.id] = s.tenant;
    }
    for (const SequenceView& s : view.waiting) ++waiting[s.tenant];
    if (waiting[1] == 0 || waiting[2] == 0) return;  // only while both want more than they get
    for (const auto& [id, tokens] : decision.slices) {
      served[tenants[id]] += static_cast<double>(tokens) / (tenants[id] == 2 ? 3 : 1);
    }
    // The bound of the VTC paper (theorem 4.4) is twice the tokens that may be running at once.
    EXPECT_LE(std::abs(served[1] - served[2]), 2 * 4 * 120);
  };
  ASSERT_TRUE(Simulate(trace, options));
  EXPECT_GT(served[1], 2000);
  EXPECT_NEAR(served[1] / served[2], 1, 0.1);
}

TEST(FairPolicy, AFloodDoesNotDelayAnotherTenantForLong) {
  SimulatorOptions options;
  options.scheduler = {.max_sequences = 4, .max_step_tokens = 64};
  options.cost = SomeCost();
  std::vector<TraceRequest> trace(200, {.arrival = 0, .prompt_tokens = 64, .output_tokens = 16, .tenant = 1});
  trace.push_back({.arrival = 0.05, .prompt_tokens = 64, .output_tokens = 16, .tenant = 2});
  const auto fair = Simulate(trace, options);
  options.scheduler.policy = SchedulingPolicy::kFcfs;
  const auto fcfs = Simulate(trace, options);
  ASSERT_TRUE(fair && fcfs);
  EXPECT_LT(fair->back().tokens.front(), 0.05 * fcfs->back().tokens.front());
}

TEST(AdaptiveBudget, ALongPromptLeavesStreamsTheirPace) {
  SimulatorOptions options;
  options.scheduler = {.max_sequences = 64, .max_step_tokens = 512};
  options.cost = SomeCost();
  std::vector<TraceRequest> trace(8, {.arrival = 0, .prompt_tokens = 16, .output_tokens = 6000});
  trace.push_back({.arrival = 1, .prompt_tokens = 6000, .output_tokens = 2});
  const auto mixed = Simulate(trace, options);
  const auto quiet = Simulate({trace.begin(), trace.end() - 1}, options);
  ASSERT_TRUE(mixed && quiet);
  const double first_token = mixed->back().tokens.front();
  std::vector<double> without, during;  // gaps between the same tokens
  const std::vector<double>&stream = mixed->front().tokens, &same = quiet->front().tokens;
  for (std::size_t i = 1; i < stream.size() && stream[i] <= first_token; ++i) {
    if (stream[i] <= 1) continue;
    during.push_back(stream[i] - stream[i - 1]);
    without.push_back(same[i] - same[i - 1]);
  }
  EXPECT_LE(PercentilesOf(during).p99, 2 * PercentilesOf(without).p99);
  const auto alone = Simulate({trace.back()}, options);
  ASSERT_TRUE(alone);
  EXPECT_LT(first_token - 1, 3 * (alone->front().tokens.front() - 1)) << "and it goes on";
}

}  // namespace
}  // namespace strata
