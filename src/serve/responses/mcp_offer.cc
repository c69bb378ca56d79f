#include "serve/responses/mcp_offer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "serve/field_table.h"

namespace strata::serve::responses {
namespace {

using strata::mcp::Tool;

std::vector<std::string> ChosenNames(const McpToolChoice& chosen, const HostedTools& hosted) {
  std::vector<std::string> names;
  for (const auto& [name, tool] : hosted) {
    if (tool.server_label == chosen.server_label && (chosen.name.empty() || tool.name == chosen.name)) {
      names.push_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

bool McpServer::NeedsApproval(const std::string& tool) const {
  const bool operators_own = asked.server_url.empty();
  return asked.approval.Requires(tool) || (operators_own && client->config().approval.Requires(tool));
}

Json ListedTools(const std::vector<Tool>& tools) {
  Json list = Json::array();
  for (const Tool& tool : tools) {
    list.push_back({{"name", tool.name},
                    {"description", tool.description},
                    {"input_schema", tool.input_schema},
                    {"annotations", tool.annotations}});
  }
  return list;
}

Result<HostedTools> OfferTools(const RequestTools& asked, const std::vector<McpServer>& servers,
                               GenerateRequest& request) {
  ToolList list = asked.functions;
  HostedTools hosted;
  for (const McpServer& server : servers) {
    const std::string& label = server.asked.server_label;
    for (const Tool& tool : server.tools) {
      const std::string name = list.Has(tool.name) ? label + "." + tool.name : tool.name;
      const std::string where = fmt::format("tools of the MCP server {}: {}", label, tool.name.substr(0, 100));
      const Status added = list.Add(
          {.name = name, .description = tool.description, .parameters = tool.input_schema, .parameters_path = where},
          where);
      if (!added && added.error().param() == "tools") return std::unexpected(added.error());  // too many
      if (!added) {
        LogWarning("an MCP tool is not offered: {}", added.error().message());
        continue;
      }
      hosted[name] = {.server_label = label, .name = tool.name, .needs_approval = server.NeedsApproval(tool.name)};
    }
  }
  tools::ToolChoice choice = asked.choice;
  for (const McpToolChoice& chosen : asked.chosen) {
    const std::vector<std::string> names = ChosenNames(chosen, hosted);
    if (names.empty()) {
      return BadField("tool_choice", "the MCP server {} has no tool {} that is allowed", chosen.server_label,
                      chosen.name.substr(0, 100));
    }
    choice.allowed.insert(choice.allowed.end(), names.begin(), names.end());
  }
  STRATA_CHECK(UseTools(std::move(list), std::move(choice), request));
  return hosted;
}

void WithdrawHostedTools(const HostedTools& hosted, ToolUse& use) {
  if (!use.tools) return;
  std::vector<tools::Tool> left;
  for (const tools::Tool& tool : use.tools->all()) {
    if (!hosted.contains(tool.name) && use.choice.Allows(tool.name)) left.push_back(tool);
  }
  use.choice = {};
  use.tools = left.empty() ? nullptr : std::make_shared<const tools::ToolSet>(std::move(left));
  // The prompt still shows the others.
  use.constrained = use.tools != nullptr;
}

}  // namespace strata::serve::responses
