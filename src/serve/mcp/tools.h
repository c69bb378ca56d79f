// The tools that this server offers to clients of MCP.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "serve/exchange.h"
#include "serve/mcp/tool_reply.h"
#include "serve/state.h"

namespace strata::serve::mcp {

/// A call of a tool; what it refers to outlives it.
struct ToolCall {
  ServerState& state;
  std::shared_ptr<const LoadedModel> model;
  std::int32_t tenant = 0;
  const Json& arguments;
  const ToolReply& reply;
  bool stream = false;  ///< the reply is one
  double arrived_seconds = 0;
  Exchange& exchange;
};

struct ServedTool {
  std::string_view name, title, description;
  Json input_schema, output_schema;
  bool of_knowledge = false;  ///< is there where the server has knowledge bases
  /// Responds. Errors name the argument.
  boost::asio::awaitable<void> (*run)(const ToolCall& call);

  /// As tools/list shows it.
  Json Description() const;
};

/// All that a server may have.
std::span<const ServedTool> ServedTools();
bool IsOffered(const ServedTool& tool, const ServerState& state);
/// Null when the server offers none of this name.
const ServedTool* FindServedTool(const ServerState& state, std::string_view name);

}  // namespace strata::serve::mcp
