#include "engine/step_cost.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "engine/scheduler.h"
#include "engine/simulator.h"

namespace strata {
namespace {

StepWork Decode(std::int64_t streams, std::int64_t context) {
  StepWork work;
  for (std::int64_t i = 0; i < streams; ++i) work.AddDecode(context, 1);
  return work;
}

StepWork Mixed(std::int64_t streams, std::int64_t context, std::int64_t computed, std::int64_t chunk) {
  StepWork work = Decode(streams, context);
  work.AddPrefill(computed, chunk, 0);
  return work;
}

/// Something like a machine: memory-bound to 6 rows, faster per row beyond 48; 4 % noise and, rarely, a hiccup.
double Machine(const StepWork& work, std::mt19937& random, bool noisy = true) {
  const auto rows = static_cast<double>(work.rows);
  const double seconds = 0.0015 + 0.0003 * std::min(rows, 6.0) + 0.0008 * std::clamp(rows - 6, 0.0, 42.0) +
                         0.0006 * std::max(rows - 48, 0.0) + 0.0001 * static_cast<double>(work.logit_rows) +
                         2e-8 * static_cast<double>(work.reads) + 5e-8 * static_cast<double>(work.passes) +
                         (work.prefill_slices > 0 ? 0.0004 : 0);
  if (!noisy) return seconds;
  if (random() % 200 == 0) return seconds + 0.1;
  return seconds * std::normal_distribution<double>(1, 0.04)(random);
}

TEST(StepCost, LearnsAMachineFromItsSteps) {
  std::mt19937 random(3);
  StepCostFit fit(0);
  for (int i = 0; i < 4000; ++i) {
    const auto streams = static_cast<std::int64_t>(random() % 64);
    const auto context = static_cast<std::int64_t>(random() % 4000);
    const auto chunk = static_cast<std::int64_t>(1 + random() % 448);
    const StepWork work = i % 3 == 0 || streams == 0
                              ? Mixed(streams, context, static_cast<std::int64_t>(random() % 6000), chunk)
                              : Decode(streams, context);
    fit.Observe(work, Machine(work, random));
  }
  const StepCost& cost = fit.cost();
  EXPECT_TRUE(cost.known);
  double worst = 0;
  for (const StepWork& work : {Decode(1, 100), Decode(8, 1000), Decode(32, 500), Decode(64, 3000),
                               Mixed(8, 100, 3000, 16), Mixed(0, 0, 0, 512), Mixed(32, 1000, 5000, 200)}) {
    worst = std::max(worst, std::abs(cost.Seconds(work) / Machine(work, random, false) - 1));
  }
  EXPECT_LT(worst, 0.12);
}

TEST(StepCost, KnowsThatRowsComeByTiles) {
  std::mt19937 random(7);
  StepCostFit fit(0, 16);
  const auto seconds = [](const StepWork& work) { return 0.004 + 0.002 * static_cast<double>((work.rows + 15) / 16); };
  for (int i = 0; i < 400; ++i) {
    const StepWork work = i % 4 == 0 ? Mixed(8, 100, 0, 1 + static_cast<std::int64_t>(random() % 50))
                                     : Decode(1 + static_cast<std::int64_t>(random() % 64), 100);
    fit.Observe(work, seconds(work));
  }
  for (const std::int64_t rows : {1, 16, 17, 32, 33, 64}) {
    EXPECT_NEAR(fit.cost().Seconds(Decode(rows, 100)) / seconds(Decode(rows, 100)), 1, 0.05) << rows;
  }
  const auto again = StepCost::FromJson(fit.cost().ToJson());
  ASSERT_TRUE(again);
  EXPECT_NEAR(again->Seconds(Decode(20, 100)), fit.cost().Seconds(Decode(20, 100)), 1e-9);
}

TEST(StepCost, FollowsOnlineAndKeepsWhatItKnowsOfPrefill) {
  std::mt19937 random(4);
  StepCostFit fit;
  EXPECT_FALSE(fit.cost().known);
  for (int i = 0; i < 40; ++i) fit.Observe(Mixed(0, 0, i * 100, 100), Machine(Mixed(0, 0, i * 100, 100), random));
  EXPECT_FALSE(fit.cost().known) << "no decode step was seen";
  const double prefill = Machine(Mixed(8, 500, 1000, 100), random, false);
  for (int i = 0; i < 5000; ++i) fit.Observe(Decode(8, 500), Machine(Decode(8, 500), random));
  EXPECT_TRUE(fit.cost().known);
  EXPECT_NEAR(fit.cost().Seconds(Decode(8, 500)) / Machine(Decode(8, 500), random, false), 1, 0.05);
  EXPECT_NEAR(fit.cost().Seconds(Mixed(8, 500, 1000, 100)) / prefill, 1, 0.25);
  // The machine is twice as busy now.
  for (int i = 0; i < 2000; ++i) fit.Observe(Decode(8, 500), 2 * Machine(Decode(8, 500), random));
  EXPECT_NEAR(fit.cost().Seconds(Decode(8, 500)) / Machine(Decode(8, 500), random, false), 2, 0.2);
}

// The scheduler sizes the second chunk beside streams by what it knows after the first.
TEST(StepCost, KnowsAfterAFewSteps) {
  std::mt19937 random(6);
  double worst = 0;
  for (int run = 0; run < 50; ++run) {
    StepCostFit fit;
    const auto observe = [&](const StepWork& work) { fit.Observe(work, Machine(work, random)); };
    for (int i = 0; i < 4; ++i) observe(Mixed(0, 0, 512 * i, 512));
    for (int i = 0; i < 20; ++i) observe(Decode(8, 100 + i));
    for (int i = 0; i < 3; ++i) observe(Mixed(8, 120, 0, 12));
    for (const StepWork& work : {Mixed(8, 130, 36, 12), Mixed(8, 130, 36, 6), Mixed(8, 300, 2000, 12)}) {
      worst = std::max(worst, std::abs(fit.cost().Seconds(work) / Machine(work, random, false) - 1));
    }
  }
  EXPECT_LT(worst, 0.2);
}

// Where prompts keep coming no step is without prefill.
TEST(StepCost, KnowsFromMixedStepsAlone) {
  std::mt19937 random(8);
  StepCostFit fit;
  for (int i = 0; i < 60; ++i) {
    const StepWork work = Mixed(i / 10, 100 + i, 20 * i, 8 + i % 5);
    fit.Observe(work, Machine(work, random));
  }
  EXPECT_TRUE(fit.cost().known);
  for (const StepWork& work : {Mixed(5, 160, 1200, 12), Mixed(5, 160, 1200, 8), Decode(5, 160)}) {
    EXPECT_NEAR(fit.cost().Seconds(work) / Machine(work, random, false), 1, 0.25);
  }
}

// Schedule() with what is learned on the way: eight streams, then a prompt of 6,000 tokens, on a machine never seen.
TEST(StepCost, KeepsStreamsTheirPaceBesideALongPrompt) {
  std::mt19937 random(9);
  StepCostFit fit;
  SchedulerView view;
  for (RequestId id = 1; id <= 8; ++id) view.running.push_back({.id = id, .prompt = 16, .length = 16});
  view.free_blocks = 1 << 20;
  std::vector<double> during, without;
  for (int step = 0; step < 100 || view.running.size() > 8; ++step) {
    if (step == 60) view.running.push_back({.id = 9, .prompt = 6000, .length = 6000});
    view.cost = fit.cost();
    const StepDecision decision = Schedule(view, {});
    const double seconds = Machine(decision.work, random);
    fit.Observe(decision.work, seconds);
    if (view.running.size() > 8) {
      during.push_back(seconds * 1000);
      without.push_back(Machine(Decode(8, view.running[0].computed), random) * 1000);
    }
    for (const auto& [id, tokens] : decision.slices) {
      SequenceView& sequence = view.running[id - 1];
      sequence.computed += tokens;
      if (sequence.left() == 0) ++sequence.length;
    }
    if (view.running.back().length > 6000) view.running.pop_back();
    ASSERT_LT(step, 6000);
  }
  EXPECT_GT(during.size(), 100U);
  EXPECT_LE(PercentilesOf(during).p99, 2 * PercentilesOf(without).p99);
  EXPECT_GE(PercentilesOf(during).p50, 1.5 * PercentilesOf(without).p50) << "prefill does not get its share";
}

TEST(StepCost, MoreWorkNeverCostsLess) {
  std::mt19937 random(5);
  StepCostFit fit;
  for (int i = 0; i < 300; ++i) {  // nonsense in
    fit.Observe(Mixed(static_cast<std::int64_t>(random() % 9), 10, 10, static_cast<std::int64_t>(1 + random() % 99)),
                0.001 * static_cast<double>(1 + random() % 50));
    fit.Observe(Decode(static_cast<std::int64_t>(1 + random() % 9), 10),
                0.001 * static_cast<double>(1 + random() % 50));
  }
  double last = 0;
  for (std::int64_t chunk = 1; chunk < 600; ++chunk) {
    const double now = fit.cost().Seconds(Mixed(8, 100, 0, chunk));
    EXPECT_TRUE(std::isfinite(now));
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(StepCost, NoiseIsTheQuantilesOfWhatStepsTook) {
  StepCost cost;
  cost.seconds[0] = 2;
  std::vector<StepSample> steps;
  for (int i = 99; i >= 0; --i) steps.push_back({Decode(1, 1), 0.02 * i + 0.01});
  const std::vector<double> noise = NoiseOf(steps, cost, 4);
  ASSERT_EQ(noise.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(noise[i], (static_cast<double>(i) + 0.5) / 4, 0.01);
}

TEST(StepCost, GoesThroughJson) {
  StepCost cost;
  for (std::size_t i = 0; i < StepCost::kTerms; ++i) cost.seconds[i] = 0.001 * static_cast<double>(i + 1);
  const auto back = StepCost::FromJson(cost.ToJson());
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_NEAR(back->Seconds(Mixed(9, 100, 7, 300)), cost.Seconds(Mixed(9, 100, 7, 300)), 1e-12);
  EXPECT_TRUE(back->known);
  const auto bad = StepCost::FromJson(R"({"step": 1, "row_to_8": -3})");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message().find("row_to_8"), std::string::npos);
  EXPECT_FALSE(StepCost::FromJson("[]"));
}

}  // namespace
}  // namespace strata
