// `strata simulate`: what a trace of arrivals would feel under each scheduling policy, in virtual time, by what steps
// cost on this machine; and, to see how far that can be trusted, beside the real engine.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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

/// Learns what steps cost from every step of the engine; nothing is forgotten.
struct CostObserver : EngineObserver {
  void OnStep(const StepWork& work, double seconds) override { fit.Observe(work, seconds); }
  void OnFinished(const RequestTimes&) override {}
  StepCostFit fit{0};
};

/// Requests of many shapes: streams from one to as many as run at once, prompts short and long, alone and mixed.
std::vector<TraceRequest> FittingTrace(std::int64_t max_sequences, std::int64_t context) {
  std::vector<TraceRequest> trace;
  double arrival = 0;
  for (std::int64_t streams = 1; streams <= max_sequences; streams *= 2) {
    for (std::int64_t i = 0; i < streams; ++i) {
      const std::int64_t prompt = 16 + (i * 97 + streams * 31) % std::min<std::int64_t>(1500, context - 64);
      trace.push_back({.arrival = arrival, .prompt_tokens = prompt, .output_tokens = 24 + i % 24});
    }
    arrival += 0.4 + 0.12 * static_cast<double>(streams);
  }
  return trace;
}

Result<StepCost> FitCost(const Session& session, const LoadOptions& load) {
  const auto observer = std::make_shared<CostObserver>();
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, load, observer));
  STRATA_CHECK(Replay(*engine, FittingTrace(load.max_sequences, engine->max_context())));
  return observer->fit.Converge();  // every request has ended: the engine thread observes no more
}

Result<StepCost> CostOf(const Session& session, const SimulateOptions& options) {
  if (!options.cost.empty() && std::filesystem::exists(options.cost)) {
    STRATA_TRY(const std::string json, ReadFile(options.cost));
    STRATA_TRY(StepCost cost, StepCost::FromJson(json), "in {}", options.cost);
    return cost;
  }
  std::fprintf(stderr, "measuring what steps cost ...\n");
  STRATA_TRY(StepCost cost, FitCost(session, options.load));
  if (!options.cost.empty()) STRATA_CHECK(WriteFileAtomically(options.cost, cost.ToJson() + "\n"));
  return cost;
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
  options.load.draft_tokens = 0;  // a trace says how many tokens come, not which: nothing could be guessed
  SimulatorOptions simulator;
  simulator.prefix_cache = !options.load.no_prefix_cache;
  STRATA_TRY(simulator.cost, CostOf(session, options));
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
  command->add_option("--cost", options->cost,
                      "File of what steps cost: read if it exists, else measured (some ten seconds) and written");
  command->add_flag("--against-real", options->against_real, "Run the trace on the engine as well");
  AddLoadOptions(*command, options->load);
  AddSchedulingOptions(*command, options->load.scheduler);
  command->callback([options, &action] { action = [options] { return RunSimulate(*options); }; });
}

}  // namespace strata::cli
