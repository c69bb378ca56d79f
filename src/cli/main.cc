// The `strata` command: argument parsing only; the work is in the libraries.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

/// An option whose values have names: --help and errors list them, and `value` as it is now is the default.
template <class Value>
CLI::Option* AddNamed(CLI::App& app, const std::string& option, Value& value, const std::map<std::string, Value>& names,
                      const std::string& help) {
  const auto now = std::ranges::find(names, value, [](const auto& entry) { return entry.second; });
  return app
      .add_option_function<std::string>(
          option, [&value, names](const std::string& name) { value = names.at(name); }, help)
      ->check(CLI::IsMember(names))
      ->default_str(now->first);
}

const std::map<std::string, kernels::Activations>& ActivationNames() {
  static const std::map<std::string, kernels::Activations> names = [] {
    std::map<std::string, kernels::Activations> all;
    using enum kernels::Activations;
    for (const auto activations : {kBF16, kInt16, kInt8, kInt8Columns}) {
      all.emplace(kernels::NameOf(activations), activations);
    }
    return all;
  }();
  return names;
}

}  // namespace

void AddEmbeddingOptions(CLI::App& app, LoadOptions& options, const std::string& otherwise) {
  app.add_option_function<std::string>(
         "--embedding-activations",
         [&options](const std::string& name) { options.embedding_activations = ActivationNames().at(name); },
         "What --activations is for the model that makes embeddings: int16 leaves those of f32 and bf16 weights as "
         "they "
         "are, int8-columns is twice as fast (default: " +
             otherwise + ")")
      ->check(CLI::IsMember(ActivationNames()));
}

void AddSchedulingOptions(CLI::App& app, SchedulerOptions& options) {
  AddNamed(app, "--scheduling-policy", options.policy, PolicyNames(),
           "Who is served first: fcfs, priority, lpm (longest cached prefix), fair (between API keys; among the "
           "requests of one by priority, then arrival)")
      ->group("Scheduling");
  app.add_option_function<double>(
         "--itl-target-ms", [&options](double ms) { options.itl_target = ms / 1000; },
         "Longest step while streams decode, milliseconds: larger steps compute new prompts faster (default: 1.75 "
         "times "
         "what the streams take alone, more when more prompts wait than streams decode)")
      ->check(CLI::Range(0.1, 1e5))
      ->group("Scheduling");
}

void AddLoadOptions(CLI::App& app, LoadOptions& options) {
  app.add_option("--threads", options.threads, "Compute threads (default: every CPU this process may use)")
      ->check(CLI::Range(0, 1024));
  app.add_option("--max-context", options.max_context, "Longest prompt + answer, tokens (default: the model's)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--kv-gib", options.kv_gib, "KV cache size in GiB (default: from the memory limit)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-sequences", options.max_sequences, "Sequences that run at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--max-step-tokens", options.max_step_tokens, "Token budget of one engine step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  static const std::map<std::string, DType> kv_dtypes = {
      {"f32", DType::kF32}, {"f16", DType::kF16}, {"bf16", DType::kBF16}, {"int16", DType::kI16}, {"int8", DType::kI8}};
  app.add_option_function<std::string>(
         "--kv-dtype", [&options](const std::string& name) { options.kv_dtype = kv_dtypes.at(name); },
         "What the KV cache holds; integers with a scale for each token and head (default: bf16 where the processor is "
         "fast at it, int16 where it has AVX-512 VNNI, else f16; f32 for a model of f32 weights with --activations "
         "int16)")
      ->check(CLI::IsMember(kv_dtypes));
  app.add_option_function<std::string>(
         "--activations", [&options](const std::string& name) { options.activations = ActivationNames().at(name); },
         "What linears round activations to: int16 answers as exact ones do and is the fastest for few sequences; bf16 "
         "rounds weights of any type, too, needs AMX and is the fastest there for many; int8 is coarser and, without "
         "AMX, faster; int8-columns rounds weights of any type to int8 with one scale for 192 of a column and is the "
         "fastest for many sequences elsewhere. With int16 and int8 float weights have activations as they are, and "
         "prompts over others bf16 where the processor has AMX. (default: over quantised weights bf16 where the "
         "processor has AMX and --max-sequences is above 4, else int16; W8A8 checkpoints have int8, one scale a token)")
      ->check(CLI::IsMember(ActivationNames()));
  app.add_flag("--no-prefix-cache", options.no_prefix_cache,
               "Compute every prompt from its beginning, whatever was computed before");
  app.add_option(
         "--draft-tokens", options.draft_tokens,
         "Speculation: tokens that are proposed from a sequence's own text, or by the model's own module where it has "
         "one, at most; 0 = off")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--draft-model", options.draft_model,
                 "A smaller model with the same vocabulary that proposes tokens where a sequence's own text suggests "
                 "none");
  app.add_flag("--no-cache", options.no_cache, "Neither read nor write compiled kernels and packed weights on disk");
}

}  // namespace strata::cli

int main(int argc, char** argv) {
  CLI::App app(
      "strata runs large language models on this machine.\n\n"
      "  strata model pull smollm2                   fetch the default model\n"
      "  strata run smollm2 \"Why is the sky blue?\"   answer once\n"
      "  strata chat smollm2                         talk in the terminal\n"
      "  strata serve smollm2                        serve it over the OpenAI API\n",
      "strata");
  app.require_subcommand(0,
                         1);  // not (1): an unknown word would then be reported as a missing command, without its name
  app.set_version_flag("--version", "strata " STRATA_VERSION);
  strata::cli::Action action;
  strata::cli::AddRun(app, action);
  strata::cli::AddChat(app, action);
  strata::cli::AddServe(app, action);
  strata::cli::AddModel(app, action);
  strata::cli::AddTokenize(app, action);
  strata::cli::AddGraph(app, action);
  strata::cli::AddDoctor(app, action);
  strata::cli::AddBench(app, action);
  strata::cli::AddTools(app, action);
  strata::cli::AddEval(app, action);
  strata::cli::AddKb(app, action);
  strata::cli::AddMcp(app, action);
  strata::cli::AddQuantize(app, action);
  strata::cli::AddSimulate(app, action);
  strata::cli::AddCompletion(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (!action) {
    std::fprintf(stderr, "strata: which command? (strata --help lists them)\n");
    return 2;
  }
  if (const strata::Status status = action(); !status) {
    std::fprintf(stderr, "strata: %s\n", status.error().ToString().c_str());
    return 1;
  }
  return 0;
}
