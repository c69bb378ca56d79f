// tools of type "mcp": servers of the Model Context Protocol whose tools this server runs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "mcp/server_config.h"

namespace strata::serve::responses {

/// What a request says of one server.
struct McpTool {
  std::string path;  ///< where the request says it
  std::string server_label;
  std::string server_url;                                    ///< empty: the operator has configured the server
  std::vector<std::pair<std::string, std::string>> headers;  ///< with server_url only
  std::optional<std::vector<std::string>> allowed_tools;     ///< none: all of them
  strata::mcp::ApprovalPolicy approval;

  bool Allows(const std::string& tool) const;
};

/// Null when there is none of this label.
const McpTool* FindServer(const std::vector<McpTool>& servers, const std::string& label);

/// A part of tool_choice: all tools of a server, or one.
struct McpToolChoice {
  std::string server_label;
  std::string name;  ///< empty: all
};

/// `echo` becomes what the response shows of it: everything but secrets.
Status ReadMcpTool(const nlohmann::ordered_json& value, const std::string& path, McpTool& tool,
                   nlohmann::ordered_json& echo);
Status ReadMcpToolChoice(const nlohmann::ordered_json& value, const std::string& path, McpToolChoice& choice);

}  // namespace strata::serve::responses
