// What a conversation's items say of MCP: which servers have shown their tools, which calls may run.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace strata::serve::responses {

/// A call that the client has permitted, and whose result is still an empty one in the conversation.
struct ApprovedCall {
  std::string request_id;  ///< of its mcp_approval_request
  std::string call_id, server_label, name, arguments;
};

struct McpItems {
  std::set<std::string> listed;  ///< labels of the servers with an mcp_list_tools
  std::vector<ApprovedCall> approved;
};

/// What the model reads of a call's result: an mcp_call's `output` (a string or null) and `error` (null, a string, or
/// an object of OpenAI's).
std::string ToolText(const nlohmann::ordered_json& output, const nlohmann::ordered_json& error);

/// What it reads of a call that its user has refused.
std::string RefusalText(std::string_view reason);

}  // namespace strata::serve::responses
