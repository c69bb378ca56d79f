// `strata simulate`: what a trace of arrivals would feel under each scheduling policy, in virtual time, by what steps
// cost on this machine; and, to see how far that can be trusted, beside the real engine.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/replay.h"
#include "cli/session.h"
#include "engine/simulator.h"

namespace strata::cli {
namespace {

struct SimulateOptions {
  std::string trace, model, cost;
  bool against_real = false;
  LoadOptions load;
};

/// Keeps every step of the engine.
struct StepRecorder : EngineObserver {
  void OnStep(const StepWork& work, double seconds) override { steps.push_back({work, seconds}); }
  void OnFinished(const RequestTimes&) override {}
  std::vector<StepSample> steps;
};

/// What steps cost on this machine, and its noise.
struct MachineCost {
  StepCost cost;
  std::vector<double> noise;

  std::string ToJson() const {
    return nlohmann::ordered_json{{"cost", nlohmann::ordered_json::parse(cost.ToJson())}, {"noise", noise}}.dump(2);
  }
  static Result<MachineCost> FromJson(const std::string& text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("cost")) return Fail(ErrorCode::kInvalidArgument, "cost is missing");
    STRATA_TRY(StepCost cost, StepCost::FromJson(json["cost"].dump()));
    MachineCost machine{cost, {}};
    for (const auto& factor : json.value("noise", nlohmann::json::array())) {
      if (!factor.is_number() || factor.get<double>() <= 0) {
        return Fail(ErrorCode::kInvalidArgument, "noise must be an array of numbers above 0");
      }
      machine.noise.push_back(factor.get<double>());
    }
    return machine;
  }
};

/// Traces that together hold steps of every shape, one run after the other's end so that it works on any machine: a
/// long prompt alone; streams from one to as many as run at once; prompts that arrive beside streams; a long prompt
/// beside streams, then beside nobody.
std::vector<std::vector<TraceRequest>> FittingTraces(std::int64_t max_sequences, std::int64_t context) {
  const std::int64_t longest = std::min<std::int64_t>(6000, context * 3 / 4);
  std::vector<std::vector<TraceRequest>> traces = {{{.prompt_tokens = longest, .output_tokens = 32}}};
  for (std::int64_t streams = 1; streams <= max_sequences; streams *= 2) {
    std::vector<TraceRequest>& together = traces.emplace_back();
    for (std::int64_t i = 0; i < streams; ++i) {
      together.push_back({.prompt_tokens = 16 + (i * 97 + streams * 31) % 64, .output_tokens = 24 + i % 24});
    }
  }
  std::vector<TraceRequest>& arriving = traces.emplace_back();
  for (std::int64_t i = 0; i < 40; ++i) {
    arriving.push_back({.arrival = 0.05 * static_cast<double>(i),
                        .prompt_tokens = std::min(16 + i * 71 % 300, context / 2),
                        .output_tokens = 24 + i * 5 % 24});
  }
  std::vector<TraceRequest>& mixed = traces.emplace_back();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(8, max_sequences - 1); ++i) {
    mixed.push_back({.prompt_tokens = 16, .output_tokens = std::min<std::int64_t>(400, context / 4)});
  }
  mixed.push_back({.arrival = 0.2, .prompt_tokens = longest, .output_tokens = 1});
  return traces;
}

Result<MachineCost> Measure(const Session& session, LoadOptions load) {
  load.no_prefix_cache = true;  // each trace sends the same prompts
  const auto recorder = std::make_shared<StepRecorder>();
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, load, recorder));
  for (const std::vector<TraceRequest>& trace : FittingTraces(load.max_sequences, engine->max_context())) {
    STRATA_CHECK(Replay(*engine, trace));
  }
  StepCostFit fit(0, engine->runner().rows_at_once());  // every request has ended: the engine thread records no more
  for (const auto& [work, seconds] : recorder->steps) fit.Observe(work, seconds);
  return MachineCost{fit.cost(), NoiseOf(recorder->steps, fit.cost())};
}

Result<MachineCost> CostOf(const Session& session, const SimulateOptions& options) {
  if (!options.cost.empty() && std::filesystem::exists(options.cost)) {
    STRATA_TRY(const std::string json, ReadFile(options.cost));
    STRATA_TRY(MachineCost machine, MachineCost::FromJson(json), "in {}", options.cost);
    return machine;
  }
  std::fprintf(stderr, "measuring what steps cost ...\n");
  STRATA_TRY(MachineCost machine, Measure(session, options.load));
  if (!options.cost.empty()) STRATA_CHECK(WriteFileAtomically(options.cost, machine.ToJson() + "\n"));
  return machine;
}

void Print(const std::string& name, const LatencySummary& summary) {
  const auto& [first, between, whole, speed] = summary;
  fmt::print("{:<10} {:>8.1f} {:>8.1f} {:>8.1f}  {:>7.1f} {:>7.1f} {:>7.1f}  {:>8.0f} {:>8.0f} {:>8.0f}  {:>8.0f}\n",
             name, first.p50, first.p90, first.p99, between.p50, between.p90, between.p99, whole.p50, whole.p90,
             whole.p99, speed);
}

Status RunSimulate(SimulateOptions options) {
  STRATA_TRY(const std::string text, ReadFile(options.trace));
  STRATA_TRY(const std::vector<TraceRequest> trace, ParseTrace(text), "in {}", options.trace);
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  STRATA_TRY(const Session session, OpenSession(path));
  options.load.max_queued = static_cast<std::int64_t>(trace.size());  // nothing is refused
  options.load.draft_tokens = 0;  // a trace says how many tokens come, not which: nothing could be guessed
  SimulatorOptions simulator;
  simulator.prefix_cache = !options.load.no_prefix_cache;
  STRATA_TRY(MachineCost machine, CostOf(session, options));
  simulator.cost = machine.cost;
  simulator.noise = std::move(machine.noise);
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, options.load));
  simulator.kv_blocks = engine->stats().kv_blocks;
  simulator.scheduler = options.load.scheduler;
  simulator.scheduler.max_sequences = engine->runner().options().max_sequences;
  simulator.scheduler.max_step_tokens = engine->runner().options().max_step_tokens;
  fmt::print(
      "{:<10} {:>26}  {:>23}  {:>26}  {:>8}\n{:<10} {:>8} {:>8} {:>8}  {:>7} {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>8}\n",
      "", "first token, ms", "between tokens, ms", "whole, ms", "", "policy", "p50", "p90", "p99", "p50", "p90", "p99",
      "p50", "p90", "p99", "tok/s");
  const SchedulingPolicy chosen = simulator.scheduler.policy;
  for (const auto& [name, policy] : PolicyNames()) {
    if (options.against_real && policy != chosen) continue;
    simulator.scheduler.policy = policy;
    STRATA_TRY(const std::vector<RequestTimeline> timelines, Simulate(trace, simulator));
    Print(name, Summarise(timelines));
  }
  if (!options.against_real) return {};
  STRATA_TRY(const std::vector<RequestTimeline> real, Replay(*engine, trace));
  Print("real", Summarise(real));
  return {};
}

}  // namespace

void AddSimulate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "simulate", "What a trace of arrivals would feel under each scheduling policy, by this machine's step costs");
  auto options = std::make_shared<SimulateOptions>();
  command->add_option("model", options->model, "Model file, folder or name")->required();
  command
      ->add_option("--trace", options->trace,
                   "JSON lines: arrival (seconds), prompt_tokens, output_tokens; optional tenant, priority, prefix, "
                   "prefix_tokens")
      ->required();
  command->add_option(
      "--cost", options->cost,
      "File of what steps cost: read if it exists, else measured (half a minute for a small model) and written");
  command->add_flag("--against-real", options->against_real, "Run the trace on the engine as well");
  AddLoadOptions(*command, options->load);
  AddSchedulingOptions(*command, options->load.scheduler);
  command->callback([options, &action] { action = [options] { return RunSimulate(*options); }; });
}

}  // namespace strata::cli
