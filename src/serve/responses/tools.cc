// tools and tool_choice, as the Responses API has them.
#include "serve/request_fields.h"
#include "serve/responses/response_request.h"
#include "serve/tool_list.h"

namespace strata::serve::responses {
namespace {

using tools::Tool;

/// The type first: what else there may be depends on it.
Result<std::string> TypeOf(const Json& value, const std::string& path) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  const auto type = value.find("type");
  if (type == value.end()) return BadField(path + ".type", "is missing");
  for (const char* known : {"function", "custom", "mcp"}) {
    if (*type == known) return known;
  }
  return UnsupportedToolType(*type, path + ".type", R"("function", "custom" and "mcp")");
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

/// A function, or a custom tool.
Status ReadTool(const Json& value, const std::string& path, bool custom, ToolList& list, Json& echo) {
  static const std::vector<Field<Tool>> functions = MakeFunctionTable(), customs = MakeCustomTable();
  Tool tool;
  if (custom) STRATA_CHECK(ReadCustomFormat(nullptr, path, false, tool));
  STRATA_CHECK(ReadFields(value, custom ? customs : functions, tool, path + "."));
  if (!value.contains("name")) return BadField(path + ".name", "is missing");
  echo = EchoOf(value, tool);
  return list.Add(std::move(tool), path + ".name");
}

Status ReadServer(const Json& value, const std::string& path, std::vector<McpTool>& servers, Json& echo) {
  McpTool server;
  STRATA_CHECK(ReadMcpTool(value, path, server, echo));
  if (FindServer(servers, server.server_label) != nullptr) {
    return BadField(path + ".server_label", "another server is called {}", server.server_label);
  }
  servers.push_back(std::move(server));
  return {};
}

}  // namespace

Status ReadTools(const Json& value, const std::string& path, const tools::ToolSet* registered, RequestTools& tools,
                 Json& echo) {
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string tool_path = fmt::format("{}[{}]", path, i);
    Json& shown = echo.emplace_back(value[i]);
    if (IsToolSearch(value[i])) continue;
    if (IsRegistered(value[i])) {
      STRATA_CHECK(tools.functions.AddRegistered(value[i], tool_path, registered));
      continue;
    }
    STRATA_TRY(const std::string type, TypeOf(value[i], tool_path));
    if (type == "mcp") {
      STRATA_CHECK(ReadServer(value[i], tool_path, tools.servers, shown));
    } else {
      STRATA_CHECK(ReadTool(value[i], tool_path, type == "custom", tools.functions, shown));
    }
  }
  return {};
}

Status ReadToolChoice(const Json& value, const std::string& path, RequestTools& tools) {
  const auto named = [&](const Json& v, const std::string& p, std::string& name) -> Status {
    STRATA_TRY(const std::string type, TypeOf(v, p));
    if (type == "mcp") return ReadMcpToolChoice(v, p, tools.chosen.emplace_back());
    STRATA_CHECK(CheckMembers(v, p, {"type", "name"}));
    STRATA_TRY(name, StringMember(v, p, "name"));
    return {};
  };
  const auto allowed = [&](const Json& v, const std::string& p, tools::ToolChoice& choice) -> Status {
    STRATA_CHECK(CheckMembers(v, p, {"type", "mode", "tools"}));
    return ReadAllowedList(v, p, choice, named);
  };
  STRATA_CHECK(ReadOpenAiToolChoice(value, path, tools.choice, named, allowed));
  std::erase(tools.choice.allowed, "");  // MCP tools: what they are called is known when their server has been asked
  for (const McpToolChoice& chosen : tools.chosen) {
    if (FindServer(tools.servers, chosen.server_label) == nullptr) {
      return BadField(path, "there is no MCP server called {}", chosen.server_label.substr(0, 100));
    }
  }
  return {};
}

Status UseTools(ToolList list, tools::ToolChoice choice, GenerateRequest& request) {
  if (Json offered = list.Offered(); !offered.empty()) Variables(request.chat_input)["tools"] = std::move(offered);
  std::move(list).Finish(request.tool_use);
  request.tool_use.choice = std::move(choice);
  STRATA_CHECK(CheckToolUse(request.tool_use));
  request.chat_input.may_call_tools = request.tool_use.tools != nullptr;
  return {};
}

}  // namespace strata::serve::responses
