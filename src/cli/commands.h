// One function a subcommand: it declares its options on `app` and leaves the work in the callback. The work's Status is
// what the process reports and exits with.
#pragma once

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace strata {
struct SchedulerOptions;
}

namespace strata::cli {

struct LoadOptions;

/// Set by the chosen subcommand; main runs it after parsing.
using Action = std::function<Status()>;

void AddRun(CLI::App& app, Action& action);
void AddChat(CLI::App& app, Action& action);
void AddServe(CLI::App& app, Action& action);
void AddModel(CLI::App& app, Action& action);
void AddTokenize(CLI::App& app, Action& action);
void AddGraph(CLI::App& app, Action& action);
void AddDoctor(CLI::App& app, Action& action);
void AddBench(CLI::App& app, Action& action);
/// `strata bench grammar`, of `strata bench`.
void AddBenchGrammar(CLI::App& bench, Action& action);
/// `strata tools check` and `strata tools recall`.
void AddTools(CLI::App& app, Action& action);
/// `strata tools recall`, of `strata tools`.
void AddToolRecall(CLI::App& tools, Action& action);
/// `strata eval tools`.
void AddEval(CLI::App& app, Action& action);
void AddKb(CLI::App& app, Action& action);
void AddMcp(CLI::App& app, Action& action);
void AddQuantize(CLI::App& app, Action& action);
void AddSimulate(CLI::App& app, Action& action);
void AddCompletion(CLI::App& app, Action& action);

/// --threads, --max-context, --kv-gib, --max-sequences, --max-step-tokens, --activations, --no-cache.
void AddLoadOptions(CLI::App& app, LoadOptions& options);

/// --embedding-activations; `otherwise`: what it is when it is not given, for the help.
void AddEmbeddingOptions(CLI::App& app, LoadOptions& options, const std::string& otherwise);

/// --scheduling-policy, --itl-target-ms.
void AddSchedulingOptions(CLI::App& app, SchedulerOptions& options);

}  // namespace strata::cli
