// tools and tool_choice, as the Responses API has them.
#include "serve/request_fields.h"
#include "serve/responses/response_request.h"
#include "serve/tool_list.h"

namespace strata::serve::responses {
namespace {

using tools::Tool;

Status CheckType(const Json& v, const std::string& path) {
  if (v == "function" || v == "custom") return {};
  return UnsupportedToolType(v, path, "\"function\" and \"custom\"");
}

std::vector<Field<Tool>> MakeFunctionTable() {
  std::vector<Field<Tool>> t;
  AppendToolFields(t);
  t.push_back(BoolField<Tool>("strict", [](Tool& tool) -> bool& { return tool.strict; }));
  t.push_back({"parameters", ReadToolParameters});
  t.push_back(RefusedField<Tool>("async", {"false"}));
  t.push_back(AcceptedField<Tool>("output_schema", JsonType::kObject));
  return t;
}

std::vector<Field<Tool>> MakeCustomTable() {
  std::vector<Field<Tool>> t;
  AppendToolFields(t);
  t.push_back({"format", [](const Json& v, const std::string& path, Tool& tool) {
                 return ReadCustomFormat(v, path, false, tool);
               }});
  return t;
}

/// As the response shows the tool that the request has.
Json EchoOf(const Json& value, const Tool& tool) {
  Json echo = {{"type", value["type"]}, {"name", tool.name}, {"description", value.value("description", Json())}};
  if (tool.input) {
    echo["format"] = value.contains("format") ? value["format"] : Json({{"type", "text"}});
  } else {
    echo["parameters"] = tool.parameters;
    echo["strict"] = tool.strict;
  }
  return echo;
}

/// {"type": "function", "name": ...}, or the same with "custom".
Status ReadNamed(const Json& value, const std::string& path, std::string& name) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  STRATA_CHECK(CheckMembers(value, path, {"type", "name"}));
  if (!value.contains("type")) return BadField(path + ".type", "is missing");
  STRATA_CHECK(CheckType(value["type"], path + ".type"));
  STRATA_TRY(name, StringMember(value, path, "name"));
  return {};
}

Status ReadAllowed(const Json& value, const std::string& path, tools::ToolChoice& choice) {
  STRATA_CHECK(CheckMembers(value, path, {"type", "mode", "tools"}));
  return ReadAllowedList(value, path, choice, ReadNamed);
}

}  // namespace

Status ReadTools(const Json& value, const std::string& path, GenerateRequest& request, Json& echo) {
  static const std::vector<Field<Tool>> functions = MakeFunctionTable(), customs = MakeCustomTable();
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  ToolList list;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string tool_path = fmt::format("{}[{}]", path, i);
    if (!value[i].is_object()) return BadField(tool_path, "must be an object, not {}", value[i].type_name());
    // The type first: what else a tool may have depends on it.
    if (!value[i].contains("type")) return BadField(tool_path + ".type", "is missing");
    STRATA_CHECK(CheckType(value[i]["type"], tool_path + ".type"));
    Tool tool;
    const bool custom = value[i]["type"] == "custom";
    if (custom) STRATA_CHECK(ReadCustomFormat(nullptr, tool_path, false, tool));
    STRATA_CHECK(ReadFields(value[i], custom ? customs : functions, tool, tool_path + "."));
    if (!value[i].contains("name")) return BadField(tool_path + ".name", "is missing");
    echo.push_back(EchoOf(value[i], tool));
    STRATA_CHECK(list.Add(std::move(tool), tool_path + ".name"));
  }
  if (!value.empty()) Variables(request.chat_input)["tools"] = list.Offered();
  std::move(list).Finish(request.tool_use);
  return {};
}

Status ReadToolChoice(const Json& value, const std::string& path, ToolUse& use) {
  return ReadOpenAiToolChoice(value, path, use.choice, ReadNamed, ReadAllowed);
}

}  // namespace strata::serve::responses
