// What servers answer to tools/list and tools/call.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/client.h"

namespace strata::mcp {

/// One page of tools/list.
struct ToolPage {
  std::vector<Tool> tools;
  std::string next_cursor;                       ///< empty: this was the last one
  std::optional<std::chrono::milliseconds> ttl;  ///< how long the server says the page may be used
};

/// `check_headers`: leave out tools whose x-mcp-header annotations are wrong, as the HTTP transport of 2026-07-28
/// demands. A tool that is no tool is left out as well; why goes to the log, with the server's `label`.
/// Errors: kCorrupt when it is no list of tools.
Result<ToolPage> ParseToolPage(const Json& result, bool check_headers, std::string_view label);

/// Errors: kCorrupt: `content` is no array of blocks with types.
Result<ToolResult> ParseToolResult(Json result, std::size_t max_output_bytes);

}  // namespace strata::mcp
