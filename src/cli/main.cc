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
  static const std::map<std::string, kernels::Activations> names = {
      {"int16", kernels::Activations::kInt16},
      {"int8", kernels::Activations::kInt8},
      {"int8-columns", kernels::Activations::kInt8Columns}};
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
  AddNamed(
      app, "--activations", options.activations, ActivationNames(),
      "What linears over quantised weights round activations to: int16 answers as exact ones do, int8 is faster "
      "where many tokens are computed at once; int8-columns is faster still there, rounds weights of any type to int8 "
      "with one scale for 192 of a column and reads 8 bits of each; prompts have bf16 where the processor has AMX (not "
      "with int8-columns; over float weights with int8 alone), and W8A8 checkpoints int8 with one scale a token");
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
  app.add_flag("--no-cache", options.no_cache, "Neither read nor write compiled kernels on disk");
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
