// `strata tools`: what schemas of tools cost before anybody sends them.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/tokenizer_file.h"
#include "serve/state.h"
#include "serve/tool_check.h"
#include "serve/tool_file.h"

namespace strata::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CheckOptions {
  std::string file, tokenizer, model, dialect;
  bool json = false;
};

/// What a check goes by; whatever it points into lives here.
struct CheckSubject {
  std::shared_ptr<const Tokenizer> tokenizer;
  serve::LoadedModel model;  ///< with --model; no engine
  std::optional<serve::ToolCosts> costs;
  serve::ToolChecker checker;
};

/// A model's tokenizer, template and end tokens; its weights are not read.
Status UseModel(const CheckOptions& options, CheckSubject& subject) {
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  STRATA_TRY(Session session, OpenSession(path));
  subject.tokenizer = session.tokenizer;
  auto served = std::make_shared<serve::ServedModel>();
  served->file = session.file;
  served->tokenizer = session.tokenizer;
  if (session.chat_template) served->chat_template = std::make_shared<const ChatTemplate>(*session.chat_template);
  subject.model.served = std::move(served);
  serve::ServerOptions formats;
  formats.tool_call_parser = options.dialect;
  serve::FindFormats(formats, subject.model);
  subject.checker.dialect = subject.model.dialect;
  std::vector<TokenId> ends = session.file->config().eos_token_ids;
  if (ends.empty() && session.tokenizer->eos()) ends.push_back(*session.tokenizer->eos());
  subject.checker.vocabulary = std::make_shared<const grammar::Vocabulary>(*session.tokenizer, std::move(ends));
  if (!subject.model.chat) return {};
  const ChatFormat& chat = subject.model.chat_with_tools ? *subject.model.chat_with_tools : *subject.model.chat;
  subject.costs.emplace(serve::ToolPrompting{chat, *subject.model.dialect, *session.tokenizer});
  subject.checker.costs = &*subject.costs;
  return {};
}

Status Prepare(const CheckOptions& options, CheckSubject& subject) {
  if (!options.dialect.empty()) {
    subject.checker.dialect = serve::tools::FindDialect(options.dialect);
    if (subject.checker.dialect == nullptr) {
      std::string known;
      for (const auto& dialect : serve::tools::Dialects()) known += fmt::format(" {}", dialect.name());
      return Fail(ErrorCode::kInvalidArgument, "no dialect {}; there are{}", options.dialect, known);
    }
  }
  if (!options.model.empty()) return UseModel(options, subject);
  if (options.tokenizer.empty()) return {};
  STRATA_TRY(TokenizerFile file, LoadTokenizerFile(options.tokenizer));
  subject.tokenizer = std::move(file.tokenizer);
  subject.checker.vocabulary =
      std::make_shared<const grammar::Vocabulary>(*subject.tokenizer, std::vector<TokenId>{file.end});
  return {};
}

/// The tools of a file, or its schema as a tool without a name.
Result<std::vector<serve::tools::Tool>> ReadChecked(const std::string& path) {
  STRATA_TRY(const std::string text, ReadFile(path));
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Fail(ErrorCode::kInvalidArgument, "{}: not JSON", path);
  if (serve::IsToolList(json)) {
    STRATA_TRY(const serve::ToolList list, serve::ReadToolList(json), "in {}", path);
    return list.tools();
  }
  return std::vector<serve::tools::Tool>{{.name = "", .parameters = std::move(json)}};
}

Json ToJson(const serve::SchemaRemark& remark) { return {{"pointer", remark.pointer}, {"message", remark.message}}; }

Json ToJson(const serve::ToolReport& report) {
  Json json = {{"name", report.name.empty() ? Json() : Json(report.name)},
               {"compiles", !report.refused},
               {"refused", report.refused ? ToJson(*report.refused) : Json()},
               {"warnings", Json::array()},
               {"compile_us", report.compile_us}};
  for (const auto& warning : report.warnings) json["warnings"].push_back(ToJson(warning));
  if (report.prompt_tokens) json["prompt_tokens"] = *report.prompt_tokens;
  if (const auto& masks = report.masks) {
    json["first_mask_us"] = masks->first_us;
    json["mask_us"] = {{"p50", masks->p50_us}, {"p99", masks->p99_us}, {"n", masks->masks}};
    json["states"] = masks->states;
    json["heap_bytes"] = masks->heap_bytes;
  }
  return json;
}

void Print(const std::vector<serve::ToolReport>& reports) {
  fmt::print("{:<32} {:>7} {:>11} {:>9} {:>9} {:>9} {:>7} {:>8}\n", "tool", "tokens", "compile us", "first us",
             "mask p50", "p99 us", "states", "KiB");
  for (const serve::ToolReport& report : reports) {
    fmt::print("{:<32} {:>7} {:>11.0f}", report.name.empty() ? "(schema)" : report.name,
               report.prompt_tokens ? std::to_string(*report.prompt_tokens) : "-", report.compile_us);
    if (const auto& masks = report.masks) {
      fmt::print(" {:>9.1f} {:>9.1f} {:>9.1f} {:>7} {:>8}", masks->first_us, masks->p50_us, masks->p99_us,
                 masks->states, masks->heap_bytes / 1024);
    }
    fmt::print("\n");
    if (report.refused) fmt::print("  refused  {}: {}\n", report.refused->pointer, report.refused->message);
    for (const auto& warning : report.warnings) fmt::print("  warning  {}: {}\n", warning.pointer, warning.message);
  }
}

Status RunCheck(const CheckOptions& options) {
  STRATA_TRY(const std::vector<serve::tools::Tool> checked, ReadChecked(options.file));
  CheckSubject subject;
  STRATA_CHECK(Prepare(options, subject));
  std::vector<serve::ToolReport> reports;
  std::size_t refused = 0;
  for (const serve::tools::Tool& tool : checked) {
    STRATA_TRY(serve::ToolReport report, subject.checker.Check(tool), "tool {}", tool.name);
    if (report.refused) ++refused;
    reports.push_back(std::move(report));
  }
  const bool together = checked.size() > 1 && refused == 0 && subject.checker.vocabulary && subject.checker.dialect;
  if (together) {
    STRATA_TRY(serve::ToolReport report, subject.checker.CheckTogether(checked));
    reports.push_back(std::move(report));
  }
  if (options.json) {
    Json list = Json::array();
    for (const serve::ToolReport& report : std::span(reports).first(checked.size())) list.push_back(ToJson(report));
    Json json = {{"tools", std::move(list)}};
    if (together) json["together"] = ToJson(reports.back());
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    Print(reports);
  }
  if (refused == 0) return {};
  return Fail(ErrorCode::kUnsupported, "{}: {} of {} schemas are refused", options.file, refused, checked.size());
}

void AddCheck(CLI::App& tools, Action& action) {
  CLI::App* app = tools.add_subcommand("check", "What schemas of tools cost, and what of them is refused");
  auto options = std::make_shared<CheckOptions>();
  app->add_option("file", options->file, "A JSON Schema; or tools as OpenAI, Anthropic or MCP write them")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--model", options->model, "Model whose tokenizer, template and way of calling count");
  app->add_option("--tokenizer", options->tokenizer, "tokenizer.json, where there is no model")
      ->check(CLI::ExistingFile)
      ->excludes("--model");
  app->add_option("--dialect", options->dialect,
                  "Calls as this family writes them (docs/api.md, Tools; default: the model's, else plain JSON)");
  app->add_flag("--json", options->json, "JSON in the place of a table");
  app->callback([options, &action] { action = [options] { return RunCheck(*options); }; });
}

}  // namespace

void AddTools(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("tools", "Schemas of tools, before anybody sends them");
  command->require_subcommand(1);
  AddCheck(*command, action);
  AddToolRecall(*command, action);
}

}  // namespace strata::cli
