// JSON-RPC 2.0 messages as the Model Context Protocol uses them: one a body, ids that are strings or integers.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mcp/protocol.h"
#include "serve/api_error.h"
#include "serve/http.h"

namespace strata::serve::mcp {

using Json = nlohmann::ordered_json;

/// The protocol's names and numbers.
namespace spec = strata::mcp;

struct RpcError {
  int code = spec::kInvalidRequest;  ///< of mcp/protocol.h
  std::string message;
  Json data = {};    ///< null: none
  int status = 400;  ///< of the HTTP response
};

/// What a client sends.
struct RpcMessage {
  Json id;  ///< null: a notification
  std::string method;
  Json params = Json::object();

  bool is_request() const { return !id.is_null(); }
  /// params._meta, or an empty object.
  const Json& meta() const;
};

/// `id` gets the message's id wherever it can be read, for the error as well. Errors: kParseError; kInvalidRequest: no
/// object (a batch, which only MCP 2025-03-26 had), no "2.0", an id or params of the wrong type, a response.
std::expected<RpcMessage, RpcError> ParseMessage(std::string_view body, Json& id);

Json ResultJson(const Json& id, Json result);
/// Without an id where it is null: MCP leaves it out.
Json ErrorJson(const Json& id, const RpcError& error);

HttpResponse RpcResponse(const Json& message, int status = 200);
HttpResponse RpcErrorResponse(const Json& id, const RpcError& error);

/// An error that concerns no message in particular: of access, of HTTP, of the server's state.
HttpResponse RpcErrorResponse(const ApiError& error);

}  // namespace strata::serve::mcp
