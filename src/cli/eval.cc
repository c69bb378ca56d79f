// `strata eval tools`: how well a model calls functions, here or behind any OpenAI-compatible server.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/served_model.h"
#include "cli/session.h"
#include "eval/score_table.h"
#include "eval/tool_eval.h"
#include "serve/server.h"

namespace strata::cli {
namespace {

using Json = nlohmann::ordered_json;

struct EvalToolsOptions {
  std::string model, base_url, model_name, cases, answers, out;
  std::string key_variable = "OPENAI_API_KEY";
  std::vector<std::string> categories;
  std::size_t limit = 0;
  double timeout = 600;
  bool json = false;
  eval::EvalOptions eval;
  LoadOptions load;
};

/// Those of the chosen categories, at most `limit` of each.
Result<std::vector<eval::BfclCase>> ReadCases(const EvalToolsOptions& options) {
  STRATA_TRY(const std::string questions, ReadFile(options.cases));
  std::string answers;
  if (!options.answers.empty()) {
    STRATA_TRY(answers, ReadFile(options.answers));
  }
  STRATA_TRY(eval::BfclCases read, eval::ParseBfclCases(questions, answers), "in {}", options.cases);
  if (!read.skipped.empty()) {
    std::fprintf(stderr, "%zu cases of several turns are left out: they need tools that run\n", read.skipped.size());
  }
  std::vector<eval::BfclCase> chosen;
  for (eval::BfclCase& one : read.cases) {
    const auto& wanted = options.categories;
    if (!wanted.empty() && std::ranges::find(wanted, one.category) == wanted.end()) continue;
    const auto same = std::ranges::count(chosen, one.category, &eval::BfclCase::category);
    if (options.limit == 0 || static_cast<std::size_t>(same) < options.limit) chosen.push_back(std::move(one));
  }
  if (chosen.empty()) return Fail(ErrorCode::kInvalidArgument, "{}: no cases to run", options.cases);
  return chosen;
}

Status Evaluate(const EvalToolsOptions& options, const eval::EvalOptions& eval,
                const std::vector<eval::BfclCase>& cases) {
  std::ofstream out;
  if (!options.out.empty()) {
    out.open(options.out);
    if (!out) return Fail(ErrorCode::kIo, "{} cannot be written", options.out);
  }
  std::size_t done = 0;
  STRATA_TRY(const std::vector<eval::CaseResult> results,
             eval::RunCases(cases, eval, [&](const eval::CaseResult& result) {
               if (out.is_open()) {
                 out << eval::ToJson(result).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
               }
               if (++done % 20 == 0) std::fprintf(stderr, "%zu of %zu\n", done, cases.size());
             }));
  if (options.json) {
    fmt::print("{}\n", eval::ScoresJson(results).dump(2));
  } else {
    fmt::print("{}", eval::ScoreTable(results));
  }
  const auto failed = std::ranges::find_if(results, [](const auto& result) { return !result.error.empty(); });
  if (failed == results.end()) return {};
  return Fail(ErrorCode::kIo, "some requests failed, the first was {}: {}", failed->id, failed->error);
}

Status RunEvalTools(const EvalToolsOptions& options) {
  if (options.model.empty() == options.base_url.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "give either MODEL or --base-url");
  }
  STRATA_TRY(const std::vector<eval::BfclCase> cases, ReadCases(options));
  eval::EvalOptions eval = options.eval;
  eval.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout * 1000));
  if (const char* key = std::getenv(options.key_variable.c_str())) eval.api_key = key;
  eval.model = options.model_name;
  if (!options.base_url.empty()) {
    STRATA_TRY(eval.endpoint, eval::ParseEndpoint(options.base_url));
    return Evaluate(options, eval, cases);
  }
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  serve::ServerOptions server_options;
  server_options.port = 0;
  server_options.model_name = options.model;
  STRATA_TRY(const std::unique_ptr<serve::Server> server, serve::Server::Start(server_options));
  STRATA_CHECK(LoadInto(*server, {.path = path, .names = {options.model}}, options.load));
  eval.model = options.model;
  STRATA_TRY(eval.endpoint, eval::ParseEndpoint(fmt::format("http://127.0.0.1:{}/v1", server->port())));
  return Evaluate(options, eval, cases);
}

}  // namespace

void AddEval(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("eval", "How good a model's answers are");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand(
      "tools", "Calls of functions against BFCL's cases, by its AST match, over any OpenAI-compatible API");
  auto options = std::make_shared<EvalToolsOptions>();
  command->add_option("model", options->model, "Model file, folder or name, served in this process");
  command->add_option("--base-url", options->base_url, "In the place of MODEL: a server's address, with its /v1");
  command->add_option("--model-name", options->model_name, "Its model (default: the first that it lists)");
  command->add_option("--api-key-variable", options->key_variable, "Environment variable with the API key")
      ->capture_default_str();
  command->add_option("--cases", options->cases, "JSON lines, BFCL's own or all in one (docs/function-calls.md)")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--answers", options->answers, "BFCL's possible_answer file of these cases")
      ->check(CLI::ExistingFile);
  command->add_option("--categories", options->categories, "Only these, by comma")->delimiter(',');
  command->add_option("--limit", options->limit, "Cases of each category, at most; 0 = all")->capture_default_str();
  command->add_flag("--constrained,!--unconstrained", options->eval.strict,
                    "Tools are strict: the server holds calls to their schemas");
  command->add_flag("--required", options->eval.required, "tool_choice \"required\" in the place of \"auto\"");
  command->add_flag("--one-call", options->eval.one_call,
                    "parallel_tool_calls false: an answer ends with its first call");
  command->add_option("--temperature", options->eval.temperature)->check(CLI::Range(0.0, 2.0))->capture_default_str();
  command->add_option("--max-tokens", options->eval.max_tokens, "Of an answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--concurrency", options->eval.concurrency, "Requests at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--request-timeout", options->timeout, "Of one request, seconds")
      ->check(CLI::Range(1.0, 1e5))
      ->capture_default_str();
  command->add_option("--out", options->out, "A JSON line for each case");
  command->add_flag("--json", options->json, "Scores as JSON in the place of a table");
  AddLoadOptions(*command, options->load);
  command->callback([options, &action] { action = [options] { return RunEvalTools(*options); }; });
}

}  // namespace strata::cli
