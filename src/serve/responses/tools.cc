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
  if (*type == "function" || *type == "mcp") return type->get<std::string>();
  return UnsupportedToolType(*type, path + ".type", R"("function" and "mcp")");
}

std::vector<Field<Tool>> MakeToolTable() {
  std::vector<Field<Tool>> t;
  AppendToolFields(t);
  t.push_back({"parameters", ReadToolParameters});
  t.push_back(RefusedField<Tool>("async", {"false"}));
  t.push_back(AcceptedField<Tool>("output_schema", JsonType::kObject));
  return t;
}

Status ReadFunction(const Json& value, const std::string& path, ToolList& list, Json& echo) {
  static const std::vector<Field<Tool>> table = MakeToolTable();
  Tool tool;
  STRATA_CHECK(ReadFields(value, table, tool, path + "."));
  if (!value.contains("name")) return BadField(path + ".name", "is missing");
  echo = {{"type", "function"},
          {"name", tool.name},
          {"description", value.value("description", Json())},
          {"parameters", tool.parameters},
          {"strict", tool.strict}};
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

Status ReadTools(const Json& value, const std::string& path, RequestTools& tools, Json& echo) {
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string tool_path = fmt::format("{}[{}]", path, i);
    STRATA_TRY(const std::string type, TypeOf(value[i], tool_path));
    Json& shown = echo.emplace_back();
    if (type == "mcp") {
      STRATA_CHECK(ReadServer(value[i], tool_path, tools.servers, shown));
    } else {
      STRATA_CHECK(ReadFunction(value[i], tool_path, tools.functions, shown));
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
