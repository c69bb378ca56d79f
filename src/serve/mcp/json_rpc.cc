#include "serve/mcp/json_rpc.h"

#include <utility>

#include "serve/request.h"
#include "serve/response_json.h"

namespace strata::serve::mcp {
namespace {

std::unexpected<RpcError> Invalid(std::string message) {
  return std::unexpected(RpcError{.code = spec::kInvalidRequest, .message = std::move(message)});
}

}  // namespace

const Json& RpcMessage::meta() const {
  static const Json kNone = Json::object();
  const auto meta = params.find("_meta");
  return meta != params.end() && meta->is_object() ? *meta : kNone;
}

std::expected<RpcMessage, RpcError> ParseMessage(std::string_view body, Json& id) {
  auto json = ParseJsonObject(body);
  if (!json) {
    const bool valid = Json::accept(body);
    return std::unexpected(
        RpcError{.code = valid ? spec::kInvalidRequest : spec::kParseError, .message = json.error().ToString()});
  }
  RpcMessage message;
  if (const auto given = json->find("id"); given != json->end()) {
    if (!given->is_string() && !given->is_number_integer()) {
      return Invalid(fmt::format("id: must be a string or an integer, not {}", given->type_name()));
    }
    id = message.id = *given;
  }
  if (json->value("jsonrpc", Json()) != "2.0") return Invalid("jsonrpc: must be \"2.0\"");
  const auto method = json->find("method");
  if (method == json->end()) {
    return Invalid(json->contains("result") || json->contains("error")
                       ? "this server asks its clients nothing, so it takes no responses"
                       : "method: is missing");
  }
  if (!method->is_string()) return Invalid(fmt::format("method: must be a string, not {}", method->type_name()));
  message.method = method->get<std::string>();
  if (const auto params = json->find("params"); params != json->end()) {
    if (!params->is_object()) return Invalid(fmt::format("params: must be an object, not {}", params->type_name()));
    message.params = std::move(*params);
  }
  return message;
}

Json ResultJson(const Json& id, Json result) { return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}; }

Json ErrorJson(const Json& id, const RpcError& error) {
  Json json = {{"jsonrpc", "2.0"}};
  if (!id.is_null()) json["id"] = id;
  json["error"] = {{"code", error.code}, {"message", error.message}};
  if (!error.data.is_null()) json["error"]["data"] = error.data;
  return json;
}

HttpResponse RpcResponse(const Json& message, int status) { return {.status = status, .body = Dump(message)}; }

HttpResponse RpcErrorResponse(const Json& id, const RpcError& error) {
  return RpcResponse(ErrorJson(id, error), error.status);
}

HttpResponse RpcErrorResponse(const ApiError& error) {
  const int code = error.status >= 500 ? spec::kInternalError : spec::kInvalidRequest;
  HttpResponse response = ErrorResponse(error);  // for the headers that its status asks for
  response.body = Dump(ErrorJson(Json(), {.code = code, .message = error.message}));
  return response;
}

}  // namespace strata::serve::mcp
