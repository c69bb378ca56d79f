// Every file of scenarios/: a trace goes in, the scheduler's decisions come out, step by step.
//
// {"options": {"policy": "fair", ...}, "kv_blocks": 100, "cost": {"step": 1000, ...} (microseconds, as
// StepCost::ToJson),
//  "trace": [{"arrival": 0, "prompt_tokens": 40, ...}, ...]        ids are 1, 2, ... in the order of the trace
//  "decisions": ["preempt 3, admit 1 2, compute 1:1 2:31", ...]}   compute id:tokens
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/simulator.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::string> Scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(STRATA_SOURCE_DIR "/src/engine/scenarios")) {
    names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

SchedulerOptions OptionsOf(const Json& json) {
  SchedulerOptions options;
  for (const auto& [name, value] : json.items()) {
    if (name == "policy") {
      options.policy = PolicyNames().at(value.get<std::string>());
    } else if (name == "max_sequences") {
      value.get_to(options.max_sequences);
    } else if (name == "max_step_tokens") {
      value.get_to(options.max_step_tokens);
    } else if (name == "tenant_weights") {
      value.get_to(options.tenant_weights);
    } else if (name == "patience") {
      value.get_to(options.patience);
    } else if (name == "itl_target") {
      value.get_to(options.itl_target);
    } else {
      ADD_FAILURE() << "no option " << name;
    }
  }
  return options;
}

std::string Words(const StepDecision& decision) {
  std::vector<std::string> parts, slices;
  if (!decision.preempt.empty()) parts.push_back(fmt::format("preempt {}", fmt::join(decision.preempt, " ")));
  if (!decision.admit.empty()) parts.push_back(fmt::format("admit {}", fmt::join(decision.admit, " ")));
  for (const auto& [id, tokens] : decision.slices) slices.push_back(fmt::format("{}:{}", id, tokens));
  parts.push_back(fmt::format("compute {}", fmt::join(slices, " ")));
  return fmt::format("{}", fmt::join(parts, ", "));
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, GivesTheseDecisions) {
  std::ifstream file(STRATA_SOURCE_DIR "/src/engine/scenarios/" + GetParam() + ".json");
  const Json json = Json::parse(file);
  std::string lines;
  for (const Json& request : json.at("trace")) lines += request.dump() + "\n";
  const auto trace = ParseTrace(lines);
  ASSERT_TRUE(trace) << trace.error().ToString();
  SimulatorOptions options{.scheduler = OptionsOf(json.value("options", Json::object())),
                           .kv_blocks = json.value("kv_blocks", 1000)};
  const auto cost = StepCost::FromJson(json.at("cost").dump());
  ASSERT_TRUE(cost) << cost.error().ToString();
  options.cost = *cost;
  std::vector<std::string> decisions;
  options.on_step = [&](const SchedulerView&, const StepDecision& decision, double) {
    decisions.push_back(Words(decision));
  };
  const auto timelines = Simulate(*trace, options);
  ASSERT_TRUE(timelines) << timelines.error().ToString();
  const auto expected = json.at("decisions").get<std::vector<std::string>>();
  // A long tail of one-token steps need not be written down.
  ASSERT_GE(decisions.size(), expected.size());
  decisions.resize(expected.size());
  EXPECT_EQ(decisions, expected) << "now:\n" << Json(decisions).dump(2);
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(Scenarios()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace strata
