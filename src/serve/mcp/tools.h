// The tools that this server offers to clients of MCP.
#pragma once

#include <span>
#include <string_view>

#include "serve/generate_call.h"
#include "serve/mcp/tool_reply.h"

namespace strata::serve::mcp {

struct ServedTool {
  std::string_view name, title, description;
  Json input_schema, output_schema;
  /// `stream`: the reply is a stream. Errors name the argument.
  CallOrError (*make_call)(const CallContext& context, const Json& arguments, ToolReply reply, bool stream);

  /// As tools/list shows it.
  Json Description() const;
};

std::span<const ServedTool> ServedTools();
/// Null when there is none of this name.
const ServedTool* FindServedTool(std::string_view name);

}  // namespace strata::serve::mcp
