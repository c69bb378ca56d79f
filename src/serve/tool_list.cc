#include "serve/tool_list.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "serve/request_fields.h"
#include "serve/tools/custom_input.h"

namespace strata::serve {
namespace {

constexpr std::size_t kMaxTools = 1024;
constexpr std::size_t kMaxName = 128;

/// OpenAI's names (letters, digits, _ and -), and what other protocols' names have besides. Every wire format can write
/// them.
bool IsToolName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:").contains(c);
  });
}

Status ReadInputGrammar(const Json& grammar, const std::string& path, tools::Tool& tool) {
  STRATA_TRY(const std::string definition, StringMember(grammar, path, "definition"));
  STRATA_TRY(const std::string syntax, StringMember(grammar, path, "syntax"));
  if (syntax != "lark" && syntax != "regex") return BadField(path + ".syntax", "must be \"lark\" or \"regex\"");
  const bool lark = syntax == "lark";
  if (lark) tool.input = grammar::LarkFormat{definition};
  if (!lark) tool.input = grammar::PatternFormat{definition};
  tool.parameters["properties"][tools::kCustomInput]["description"] =
      fmt::format("A text of this {}:\n{}", lark ? "grammar (Lark)" : "regular expression", definition);
  tool.parameters_path = path + ".definition";
  return {};
}

}  // namespace

Status ToolList::Add(tools::Tool tool, const std::string& name_path) {
  if (tools_.size() == kMaxTools) return BadField("tools", "must not have more than {} tools", kMaxTools);
  if (!IsToolName(tool.name)) {
    return BadField(name_path, "must have 1 to {} letters, digits, or _ - . / :", kMaxName);
  }
  if (!names_.insert(tool.name).second) return BadField(name_path, "another tool is called {}", tool.name);
  tools_.push_back(std::move(tool));
  return {};
}

void ToolList::Finish(ToolUse& use) && {
  if (!tools_.empty()) use.tools = std::make_shared<const tools::ToolSet>(std::move(tools_));
}

Json ToolList::Offered() const {
  Json offered = Json::array();
  for (const tools::Tool& tool : tools_) offered.push_back(OfferedTool(tool));
  return offered;
}

Json OfferedTool(const tools::Tool& tool) {
  Json function = {{"name", tool.name}};
  if (!tool.description.empty()) function["description"] = tool.description;
  function["parameters"] = tool.parameters;
  if (tool.parameters.is_null()) function["parameters"] = {{"type", "object"}, {"properties", Json::object()}};
  return {{"type", "function"}, {"function", std::move(function)}};
}

Status ToolList::AddRegistered(const Json& value, const std::string& path, const tools::ToolSet* registered) {
  STRATA_CHECK(CheckMembers(value, path, {"type", "name", "defer_loading"}));
  bool deferred = false;
  if (const auto defer = value.find("defer_loading"); defer != value.end() && !defer->is_null()) {
    STRATA_CHECK(ReadBool(*defer, path + ".defer_loading", deferred));
  }
  const auto add = [&](tools::Tool tool) {
    tool.parameters_path = path;
    tool.deferred = deferred;
    return Add(std::move(tool), path + ".name");
  };
  if (!value.contains("name")) {
    if (registered == nullptr) return BadField(path, "no tools are registered with this server");
    for (const tools::Tool& tool : registered->all()) STRATA_CHECK(add(tool));
    return {};
  }
  STRATA_TRY(const std::string name, StringMember(value, path, "name"));
  const tools::Tool* tool = registered == nullptr ? nullptr : registered->Find(name);
  if (tool == nullptr) return BadField(path + ".name", "no tool {} is registered", name.substr(0, 100));
  return add(*tool);
}

bool IsRegistered(const Json& tool) {
  return tool.is_object() && tool.contains("type") && tool["type"] == "registered";
}

bool IsToolSearch(const Json& tool) {
  if (!tool.is_object() || !tool.contains("type") || !tool["type"].is_string()) return false;
  const std::string& type = tool["type"].get_ref<const std::string&>();
  return type == "tool_search" || type.starts_with("tool_search_tool_");
}

Status ReadOpenAiToolChoice(const Json& value, const std::string& path, tools::ToolChoice& choice,
                            const ReadNamedTool& named, const ReadAllowedTools& allowed) {
  using Mode = tools::ToolChoice::Mode;
  choice = {};
  if (value == "auto") return {};
  if (value == "none" || value == "required") {
    choice.mode = value == "none" ? Mode::kNone : Mode::kRequired;
    return {};
  }
  if (!value.is_object()) {
    return BadField(path, "must be \"none\", \"auto\", \"required\" or an object, not {}", value.dump().substr(0, 100));
  }
  if (const auto type = value.find("type"); type != value.end() && *type == "allowed_tools") {
    return allowed(value, path, choice);
  }
  choice.mode = Mode::kRequired;
  return named(value, path, choice.allowed.emplace_back());
}

Status ReadAllowedList(const Json& object, const std::string& path, tools::ToolChoice& choice,
                       const ReadNamedTool& named) {
  const auto mode = object.find("mode");
  if (mode == object.end()) return BadField(path + ".mode", "is missing");
  if (*mode != "auto" && *mode != "required") {
    return BadField(path + ".mode", "must be \"auto\" or \"required\", not {}", mode->dump());
  }
  if (*mode == "required") choice.mode = tools::ToolChoice::Mode::kRequired;
  const auto list = object.find("tools");
  if (list == object.end() || !list->is_array() || list->empty()) {
    return BadField(path + ".tools", "must be an array of tools, not empty");
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    STRATA_CHECK(named((*list)[i], fmt::format("{}.tools[{}]", path, i), choice.allowed.emplace_back()));
  }
  return {};
}

Status ReadCustomFormat(const Json& format, const std::string& path, bool grammar_apart, tools::Tool& tool) {
  const std::string input(tools::kCustomInput);
  tool.input = grammar::FreeFormat{};
  tool.parameters = {{"type", "object"},
                     {"properties", {{input, {{"type", "string"}}}}},
                     {"required", Json::array({input})},
                     {"additionalProperties", false}};
  tool.parameters_path = path;
  if (format.is_null()) return {};
  if (!format.is_object()) return BadField(path, "must be an object, not {}", format.type_name());
  STRATA_TRY(const std::string type, StringMember(format, path, "type"));
  if (type == "text") return CheckMembers(format, path, {"type"});
  if (type != "grammar") return BadField(path + ".type", "must be \"text\" or \"grammar\"");
  if (!grammar_apart) {
    STRATA_CHECK(CheckMembers(format, path, {"type", "definition", "syntax"}));
    return ReadInputGrammar(format, path, tool);
  }
  STRATA_CHECK(CheckMembers(format, path, {"type", "grammar"}));
  const std::string grammar_path = path + ".grammar";
  if (!format.contains("grammar") || !format["grammar"].is_object()) return BadField(grammar_path, "must be an object");
  STRATA_CHECK(CheckMembers(format["grammar"], grammar_path, {"definition", "syntax"}));
  return ReadInputGrammar(format["grammar"], grammar_path, tool);
}

std::string CustomArguments(const std::string& input) {
  return tools::SpacedJson({{std::string(tools::kCustomInput), input}});
}

Status ReadToolParameters(const Json& value, const std::string& path, tools::Tool& tool) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  if (const auto type = value.find("type"); type != value.end() && *type != "object") {
    return BadField(path + ".type", "must be \"object\", not {}", type->dump());
  }
  tool.parameters = value;
  tool.parameters_path = path;
  return {};
}

std::unexpected<Error> UnsupportedToolType(const Json& type, const std::string& path, std::string_view only) {
  return std::unexpected(Error(ErrorCode::kUnsupported, fmt::format("{}: tools of type {} are not supported, only {}",
                                                                    path, type.dump().substr(0, 100), only))
                             .WithParam(path));
}

void AppendToolFields(std::vector<Field<tools::Tool>>& table) {
  using tools::Tool;
  // Looked at before the others: what else a tool may have depends on it.
  table.push_back(AcceptedField<Tool>("type", JsonType::kAny));
  table.push_back(
      {"name", [](const Json& v, const std::string& path, Tool& tool) { return ReadString(v, path, tool.name); }});
  table.push_back({"description", [](const Json& v, const std::string& path, Tool& tool) {
                     return ReadString(v, path, tool.description);
                   }});
  table.push_back(RefusedField<Tool>("allowed_callers", {R"(["direct"])"}));
  table.push_back(BoolField<Tool>("defer_loading", [](Tool& tool) -> bool& { return tool.deferred; }));
}

}  // namespace strata::serve
