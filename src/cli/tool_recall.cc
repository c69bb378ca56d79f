// `strata tools recall`: how often the tools that a question needs are among the first k that the server would put into
// its prompt (serve/tool_selection.h), when all functions of all cases are offered at once.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/mapped_file.h"
#include "cli/commands.h"
#include "eval/bfcl_case.h"
#include "serve/tool_file.h"
#include "serve/tool_selection.h"

namespace strata::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::size_t, 6> kCarried = {1, 4, 8, 16, 32, 64};

struct RecallOptions {
  std::string cases, answers, tools;
  bool json = false;
};

/// The functions of all cases, or those of --tools.
Result<Json> Offered(const RecallOptions& options, const std::vector<eval::BfclCase>& cases) {
  if (!options.tools.empty()) {
    STRATA_TRY(const std::string text, ReadFile(options.tools));
    STRATA_TRY(const serve::ToolList list, serve::ParseToolFile(text), "in {}", options.tools);
    return list.Offered();
  }
  Json offered = Json::array();
  std::unordered_set<std::string> names;
  for (const eval::BfclCase& one : cases) {
    for (Json& tool : eval::ToolsOf(one, /*strict=*/false)) {
      if (names.insert(serve::ToolNameOf(tool)).second) offered.push_back(std::move(tool));
    }
  }
  return offered;
}

struct Recall {
  std::int64_t cases = 0, tools = 0;
  std::array<double, kCarried.size()> of_tools = {};  ///< the share that is carried, summed over cases
  std::array<double, kCarried.size()> of_cases = {};  ///< cases all of whose tools are carried
  double microseconds = 0;                            ///< of ranking, without the index
};

void Count(const Json& tools, const std::vector<std::size_t>& order, const eval::BfclCase& one, Recall& recall) {
  std::unordered_set<std::string> needed;
  for (const Json& call : one.ground_truth) needed.insert(eval::ToolName(call.begin().key()));
  ++recall.cases;
  std::size_t found = 0, place = 0;
  for (std::size_t i = 0; i < kCarried.size(); ++i) {
    for (; place < std::min(kCarried[i], order.size()); ++place) {
      if (needed.contains(serve::ToolNameOf(tools[order[place]]))) ++found;
    }
    recall.of_tools[i] += static_cast<double>(found) / static_cast<double>(needed.size());
    if (found == needed.size()) recall.of_cases[i] += 1;
  }
}

void Print(const Recall& recall, bool json) {
  const auto cases = static_cast<double>(recall.cases);
  if (json) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < kCarried.size(); ++i) {
      rows.push_back(
          {{"k", kCarried[i]}, {"recall", recall.of_tools[i] / cases}, {"whole", recall.of_cases[i] / cases}});
    }
    fmt::print("{}\n", Json{{"cases", recall.cases},
                            {"tools", recall.tools},
                            {"rank_us", recall.microseconds / cases},
                            {"at", std::move(rows)}}
                           .dump(2));
    return;
  }
  fmt::print("{} cases, {} tools, {:.0f} us to rank\n{:>4} {:>8} {:>11}\n", recall.cases, recall.tools,
             recall.microseconds / cases, "k", "recall@k", "whole cases");
  for (std::size_t i = 0; i < kCarried.size(); ++i) {
    fmt::print("{:>4} {:>8.3f} {:>11.3f}\n", kCarried[i], recall.of_tools[i] / cases, recall.of_cases[i] / cases);
  }
}

Status RunRecall(const RecallOptions& options) {
  STRATA_TRY(const std::string questions, ReadFile(options.cases));
  std::string answers;
  if (!options.answers.empty()) {
    STRATA_TRY(answers, ReadFile(options.answers));
  }
  STRATA_TRY(const eval::BfclCases read, eval::ParseBfclCases(questions, answers), "in {}", options.cases);
  STRATA_TRY(const Json tools, Offered(options, read.cases));
  const serve::WordIndex index = serve::IndexTools(tools);
  Recall recall{.tools = static_cast<std::int64_t>(tools.size())};
  for (const eval::BfclCase& one : read.cases) {
    if (one.expected() != eval::Expected::kOneCall && one.expected() != eval::Expected::kAllCalls) continue;
    const double begin = MonotonicSeconds();
    const std::vector<std::size_t> order = serve::RankTools(index.Score(serve::QuestionOf(one.messages)));
    recall.microseconds += (MonotonicSeconds() - begin) * 1e6;
    Count(tools, order, one, recall);
  }
  if (recall.cases == 0) return Fail(ErrorCode::kInvalidArgument, "{}: no case needs a tool", options.cases);
  Print(recall, options.json);
  return {};
}

}  // namespace

void AddToolRecall(CLI::App& tools, Action& action) {
  CLI::App* app = tools.add_subcommand(
      "recall", "How often the tools that a question needs are among those that a prompt would carry");
  auto options = std::make_shared<RecallOptions>();
  app->add_option("--cases", options->cases, "BFCL's cases, as of strata eval tools")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--answers", options->answers, "BFCL's possible_answer file of these cases")
      ->check(CLI::ExistingFile);
  app->add_option("--tools", options->tools, "Tools to find them among (default: the functions of all cases)")
      ->check(CLI::ExistingFile);
  app->add_flag("--json", options->json, "JSON in the place of a table");
  app->callback([options, &action] { action = [options] { return RunRecall(*options); }; });
}

}  // namespace strata::cli
