#include "engine/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tenants.h"
#include "engine/turnover.h"

namespace strata {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

StepCost OneSecondAStep() {
  StepCost cost;
  cost.seconds[0] = 1;
  cost.known = true;
  return cost;
}

TEST(Simulate, TellsWhenEachTokenComes) {
  const std::vector<TraceRequest> trace = {{.arrival = 0.5, .prompt_tokens = 20, .output_tokens = 3},
                                           {.arrival = 2, .prompt_tokens = 5, .output_tokens = 1},
                                           {.arrival = 100, .prompt_tokens = 5, .output_tokens = 2}};
  const auto timelines = Simulate(trace, {.scheduler = {.max_step_tokens = 64}, .cost = OneSecondAStep()});
  ASSERT_TRUE(timelines);
  EXPECT_THAT((*timelines)[0].tokens, ElementsAre(1.5, 2.5, 3.5));
  EXPECT_THAT((*timelines)[1].tokens, ElementsAre(3.5));  // it came in the middle of a step
  EXPECT_THAT((*timelines)[2].tokens, ElementsAre(101, 102));
  const LatencySummary summary = Summarise(*timelines);
  EXPECT_THAT(summary.first_token.p50, DoubleNear(1000, 1e-6));
  EXPECT_THAT(summary.first_token.p99, DoubleNear(1500, 1e-6));
  EXPECT_THAT(summary.between_tokens.p99, DoubleNear(1000, 1e-6));
  EXPECT_THAT(summary.whole.p99, DoubleNear(3000, 1e-6));
  EXPECT_THAT(summary.tokens_per_second, DoubleNear(6 / 101.5, 1e-9));
}

TEST(Simulate, StepsTakeLongerOrShorterByTheNoise) {
  const std::vector<TraceRequest> trace = {{.prompt_tokens = 1, .output_tokens = 2001}};
  const SimulatorOptions options = {.cost = OneSecondAStep(), .noise = {0.5, 1, 1, 4}};
  const auto timelines = Simulate(trace, options);
  ASSERT_TRUE(timelines);
  const Percentiles gaps = Summarise(*timelines).between_tokens;
  EXPECT_THAT(gaps.p50, DoubleNear(1000, 1e-6));
  EXPECT_THAT(gaps.p90, DoubleNear(4000, 1e-6));
  EXPECT_THAT((*timelines)[0].tokens.back(), DoubleNear(2001 * 6.5 / 4, 130));
  EXPECT_EQ((*Simulate(trace, options))[0].tokens, (*timelines)[0].tokens) << "two runs, two answers";
}

TEST(Simulate, RefusesWhatThePoolCannotHold) {
  const auto result = Simulate({{.prompt_tokens = 8, .output_tokens = 1}, {.prompt_tokens = 40, .output_tokens = 9}},
                               {.kv_blocks = 3, .cost = OneSecondAStep()});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("request 2 of the trace needs 49 tokens"));
}

TEST(Trace, IsReadLineByLine) {
  const auto trace = ParseTrace(
      "{\"arrival\": 2, \"prompt_tokens\": 3, \"output_tokens\": 4}\n\n"
      "{\"arrival\": 0.5, \"prompt_tokens\": 30, \"output_tokens\": 1, \"tenant\": 2, \"priority\": -1, "
      "\"prefix\": \"p\", \"prefix_tokens\": 16}\n");
  ASSERT_TRUE(trace) << trace.error().ToString();
  ASSERT_EQ(trace->size(), 2U);
  EXPECT_EQ((*trace)[0].tenant, 2);
  EXPECT_EQ((*trace)[0].priority, -1);
  EXPECT_EQ((*trace)[0].prefix, "p");
  EXPECT_EQ((*trace)[1].output_tokens, 4);
}

class BadTraces : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(BadTraces, AreRefusedByLineAndField) {
  const auto trace = ParseTrace(GetParam().first);
  ASSERT_FALSE(trace);
  EXPECT_THAT(trace.error().ToString(), HasSubstr(GetParam().second));
}
INSTANTIATE_TEST_SUITE_P(
    Lines, BadTraces,
    testing::Values(std::pair("", "no request"), std::pair("\n{]", "line 2"),
                    std::pair(R"({"prompt_tokens": 1, "output_tokens": 1})", "arrival"),
                    std::pair(R"({"arrival": -1, "prompt_tokens": 1, "output_tokens": 1})", "arrival"),
                    std::pair(R"({"arrival": 0, "output_tokens": 1})", "prompt_tokens is missing"),
                    std::pair(R"({"arrival": 0, "prompt_tokens": 0, "output_tokens": 1})", "prompt_tokens"),
                    std::pair(R"({"arrival": 0, "prompt_tokens": 1.5, "output_tokens": 1})", "prompt_tokens"),
                    std::pair(R"({"arrival": 0, "prompt_tokens": 1, "output_tokens": 1, "prefix": 3})", "prefix"),
                    std::pair(R"({"arrival": 0, "prompt_tokens": 1, "output_tokens": 1, "prefix_tokens": 2})",
                              "prefix_tokens"),
                    std::pair(R"({"arrival": 0, "prompt_tokens": 1, "output_tokens": 1, "tenant": -1})", "tenant")));

TEST(TenantLedger, ReturnsNoEarlierThanThoseThatStayed) {
  TenantLedger ledger({1, 1, 2});
  ledger.Arrive(1);
  ledger.Serve(1, 100);
  ledger.Arrive(2);
  EXPECT_EQ(ledger.virtual_time()[2], 100);
  ledger.Serve(2, 60);
  EXPECT_EQ(ledger.virtual_time()[2], 130);
  ledger.Leave(1);
  ledger.Leave(2);
  ledger.Arrive(3);  // nobody is there: as the last that left
  EXPECT_EQ(ledger.virtual_time()[3], 130);
  ledger.Arrive(2);
  EXPECT_EQ(ledger.virtual_time()[2], 130);
}

TEST(Turnover, BooksOnePlaceAfterTheOther) {
  Turnover turnover;
  EXPECT_EQ(turnover.BookPlace(0), 1);  // nothing is known
  for (int i = 0; i < 100; ++i) turnover.OnEnd(10 + 2.0 * i, true);
  const double now = 208;
  EXPECT_NEAR(turnover.BookPlace(now), 2, 1e-9);
  EXPECT_NEAR(turnover.BookPlace(now), 4, 1e-9);
  EXPECT_NEAR(turnover.BookPlace(now + 4), 2, 1e-9);
  for (int i = 0; i < 100; ++i) turnover.BookPlace(now);
  EXPECT_EQ(turnover.BookPlace(now), 60);
  // An idle night is no slow engine.
  turnover.OnEnd(210, false);
  turnover.OnEnd(30'000, true);
  EXPECT_NEAR(turnover.BookPlace(30'000), 2, 1e-9);
}

}  // namespace
}  // namespace strata
