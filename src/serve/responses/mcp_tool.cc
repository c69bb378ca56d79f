#include "serve/responses/mcp_tool.h"

#include <algorithm>

#include "serve/field_table.h"

namespace strata::serve::responses {
namespace {

Status ReadNames(const Json& value, const std::string& path, std::vector<std::string>& names) {
  if (!value.is_array()) return BadField(path, "must be an array of names, not {}", value.type_name());
  for (std::size_t i = 0; i < value.size(); ++i) {
    STRATA_CHECK(ReadString(value[i], fmt::format("{}[{}]", path, i), names.emplace_back()));
  }
  return {};
}

/// {"tool_names": […]}. What a server says of its tools (readOnlyHint) is not to be trusted, so nothing depends on it.
Status ReadFilter(const Json& value, const std::string& path, std::vector<std::string>& names) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  if (value.contains("read_only") && !value["read_only"].is_null()) {
    return std::unexpected(
        Error(ErrorCode::kUnsupported, path + ".read_only is not supported yet: a server's hints are not trusted")
            .WithParam(path + ".read_only"));
  }
  STRATA_CHECK(CheckMembers(value, path, {"tool_names", "read_only"}));
  const auto list = value.find("tool_names");
  if (list == value.end()) return BadField(path + ".tool_names", "is missing");
  return ReadNames(*list, path + ".tool_names", names);
}

Status ReadAllowedTools(const Json& value, const std::string& path, McpTool& tool) {
  std::vector<std::string>& names = tool.allowed_tools.emplace();
  return value.is_object() ? ReadFilter(value, path, names) : ReadNames(value, path, names);
}

Status ReadApproval(const Json& value, const std::string& path, McpTool& tool) {
  if (value == "always" || value == "never") {
    tool.approval.by_default = value == "always";
    return {};
  }
  if (!value.is_object()) return BadField(path, "must be \"always\", \"never\" or an object of filters");
  STRATA_CHECK(CheckMembers(value, path, {"always", "never"}));
  for (const char* which : {"always", "never"}) {
    const auto filter = value.find(which);
    if (filter == value.end() || filter->is_null()) continue;
    std::vector<std::string> names;
    STRATA_CHECK(ReadFilter(*filter, path + "." + which, names));
    (which == std::string_view("always") ? tool.approval.always : tool.approval.never)
        .insert(names.begin(), names.end());
  }
  for (const std::string& name : tool.approval.always) {
    if (tool.approval.never.contains(name)) return BadField(path, "{} is in both lists", name.substr(0, 100));
  }
  return {};
}

Status ReadHeaders(const Json& value, const std::string& path, McpTool& tool) {
  if (!value.is_object()) return BadField(path, "must be an object of strings, not {}", value.type_name());
  for (const auto& [name, text] : value.items()) {
    std::string header;
    STRATA_CHECK(ReadString(text, path + "." + name.substr(0, 100), header));
    tool.headers.emplace_back(name, std::move(header));
  }
  return {};
}

std::vector<Field<McpTool>> MakeTable() {
  std::vector<Field<McpTool>> t;
  t.push_back(AcceptedField<McpTool>("type", JsonType::kString));
  t.push_back({"server_label", [](const Json& v, const std::string& path, McpTool& tool) -> Status {
                 STRATA_CHECK(ReadString(v, path, tool.server_label));
                 if (const Status good = strata::mcp::CheckLabel(tool.server_label); !good) {
                   return BadField(path, "{}", good.error().message());
                 }
                 return {};
               }});
  t.push_back({"server_url", [](const Json& v, const std::string& path, McpTool& tool) {
                 return ReadString(v, path, tool.server_url);
               }});
  t.push_back({"headers", ReadHeaders});
  t.push_back({"authorization", [](const Json& v, const std::string& path, McpTool& tool) -> Status {
                 std::string token;
                 STRATA_CHECK(ReadString(v, path, token));
                 tool.headers.emplace_back("Authorization", "Bearer " + token);
                 return {};
               }});
  t.push_back({"allowed_tools", ReadAllowedTools});
  t.push_back({"require_approval", ReadApproval});
  // For people: what the model reads are the descriptions of the tools.
  t.push_back(AcceptedField<McpTool>("server_description", JsonType::kString));
  t.push_back(RefusedField<McpTool>("allowed_callers", {R"(["direct"])"}));
  t.push_back(RefusedField<McpTool>("defer_loading", {"false"}));
  t.push_back(RefusedField<McpTool>("connector_id"));
  t.push_back(RefusedField<McpTool>("tunnel_id"));
  return t;
}

}  // namespace

bool McpTool::Allows(const std::string& tool) const {
  return !allowed_tools || std::ranges::find(*allowed_tools, tool) != allowed_tools->end();
}

const McpTool* FindServer(const std::vector<McpTool>& servers, const std::string& label) {
  const auto found = std::ranges::find(servers, label, &McpTool::server_label);
  return found == servers.end() ? nullptr : &*found;
}

Status ReadMcpTool(const Json& value, const std::string& path, McpTool& tool, Json& echo) {
  static const std::vector<Field<McpTool>> table = MakeTable();
  tool.path = path;
  STRATA_CHECK(ReadFields(value, table, tool, path + "."));
  if (tool.server_label.empty()) return BadField(path + ".server_label", "is missing");
  if (tool.server_url.empty() && !tool.headers.empty()) {
    return BadField(path + ".headers", "is only allowed with server_url: the operator configures the other servers");
  }
  const auto shown = [&](const char* name) { return value.value(name, Json()); };
  echo = {{"type", "mcp"},
          {"server_label", tool.server_label},
          {"server_description", shown("server_description")},
          {"server_url", shown("server_url")},
          {"allowed_tools", shown("allowed_tools")},
          {"require_approval", value.value("require_approval", Json("always"))},
          {"headers", nullptr}};
  return {};
}

Status ReadMcpToolChoice(const Json& value, const std::string& path, McpToolChoice& choice) {
  STRATA_CHECK(CheckMembers(value, path, {"type", "server_label", "name"}));
  STRATA_TRY(choice.server_label, StringMember(value, path, "server_label"));
  if (value.contains("name") && !value["name"].is_null())
    STRATA_CHECK(ReadString(value["name"], path + ".name", choice.name));
  return {};
}

}  // namespace strata::serve::responses
