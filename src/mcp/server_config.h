// Which MCP server, how to reach it, and what it may do: what an operator writes, in the customary form of a file.
//
//   {"mcpServers": {
//     "files": {"command": "mcp-server-filesystem", "args": ["/srv/docs"], "allowedTools": ["read_text_file"]},
//     "wiki": {"url": "https://wiki.example/mcp", "headers": {"Authorization": "Bearer …"}, "requireApproval":
//     "never"}}}
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace strata::mcp {

/// A server that the client starts: messages over its standard input and output, its standard error goes to the log.
struct StdioTransport {
  std::string command;  ///< looked up in PATH unless it has a slash
  std::vector<std::string> args = {};
  /// Added to the few variables that a child inherits (PATH, HOME, the locale …): the parent's secrets stay its own.
  std::vector<std::pair<std::string, std::string>> env = {};
  std::string cwd = {};  ///< empty: the parent's
};

/// A server behind a URL.
struct HttpTransport {
  std::string url;                                                ///< http:// or https://
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< sent with every request, such as Authorization
  bool sse = false;  ///< the transport of 2024-11-05: a stream by GET names where to POST
};

/// Which calls somebody has to permit before they run. The client does not ask: its owner does.
struct ApprovalPolicy {
  bool by_default = true;                            ///< for what neither list names
  std::set<std::string, std::less<>> always, never;  ///< names of tools; no name is in both

  bool Requires(std::string_view tool) const;
};

struct ServerConfig {
  std::string label;  ///< how requests and logs name the server
  std::variant<StdioTransport, HttpTransport> transport;
  std::optional<std::vector<std::string>> allowed_tools = {};  ///< others are neither listed nor called; none: all are
  ApprovalPolicy approval = {};
  std::chrono::milliseconds tool_timeout = std::chrono::seconds(60);     ///< of one call
  std::chrono::milliseconds startup_timeout = std::chrono::seconds(30);  ///< to start, connect and agree on a version
  std::size_t max_output_bytes = 256 << 10;  ///< of a result's text; the rest is cut off with a note that says so

  bool Allows(std::string_view tool) const;
};

/// The servers of a file: {"mcpServers": {LABEL: SERVER}} with, of each SERVER, "command", "args", "env", "cwd" or
/// "url", "headers"; "type" (stdio, http, sse; told by the others where it is missing); "allowedTools",
/// "requireApproval"
/// ("always", "never", or {"always": [TOOL], "never": [TOOL]}), "timeoutSeconds", "startupTimeoutSeconds",
/// "maxOutputBytes". In the order of the file.
/// Errors: kInvalidArgument, whose param is the JSON pointer of what is wrong. Nothing unknown is passed over.
Result<std::vector<ServerConfig>> ParseServersFile(std::string_view text);

/// A label that requests may name: 1 to 64 letters, digits, "_" and "-". Errors: kInvalidArgument.
Status CheckLabel(std::string_view label);

/// The bounds of what ParseServersFile takes for one server, for configurations that come from elsewhere (a request).
/// Errors: kInvalidArgument that names the field.
Status CheckServer(const ServerConfig& server);

}  // namespace strata::mcp
