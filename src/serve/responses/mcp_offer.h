// The tools of MCP servers among those of a request: what the model sees of them, and whose they are.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "mcp/client.h"
#include "serve/request.h"
#include "serve/responses/mcp_tool.h"
#include "serve/responses/output_writer.h"
#include "serve/responses/response_request.h"

namespace strata::serve::responses {

/// A server that a request names, and its client.
struct McpServer {
  McpTool asked;
  std::shared_ptr<strata::mcp::Client> client;
  std::vector<strata::mcp::Tool> tools = {};  ///< once it has been asked

  /// Whether somebody must permit calls of this tool: what the operator demands no request can lower.
  bool NeedsApproval(const std::string& tool) const;
};

/// As an mcp_list_tools item shows them.
nlohmann::ordered_json ListedTools(const std::vector<strata::mcp::Tool>& tools);

/// By the names that the model knows. A tool whose name another one has already is LABEL.NAME to the model.
using HostedTools = std::unordered_map<std::string, HostedTool>;

/// Adds all servers' tools to the client's functions and makes the request's tools of them. Errors: too many; a
/// tool_choice that names none.
Result<HostedTools> OfferTools(const RequestTools& asked, const std::vector<McpServer>& servers,
                               GenerateRequest& request);

/// From now on only the client's functions may be called.
void WithdrawHostedTools(const HostedTools& hosted, ToolUse& use);

}  // namespace strata::serve::responses
