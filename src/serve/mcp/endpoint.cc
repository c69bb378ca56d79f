#include "serve/mcp/endpoint.h"

#include <algorithm>
#include <string>
#include <utility>

#include "serve/mcp/call_exchange.h"
#include "serve/mcp/json_rpc.h"
#include "serve/mcp/protocol.h"
#include "serve/mcp/sessions.h"
#include "serve/mcp/tool_reply.h"
#include "serve/mcp/tools.h"

namespace strata::serve::mcp {
namespace {

namespace asio = boost::asio;

// How long a client may go without asking again for what only a restart changes.
constexpr int kTimeToLiveMs = 300'000;

HttpResponse Accepted() { return {.status = 202}; }

RpcError UnknownMethod(Era era, const std::string& method) {
  return {.code = spec::kMethodNotFound,
          .message = fmt::format("Method not found: {}", method.substr(0, 100)),
          .status = era == Era::kModern ? 404 : 200};
}

Json Capabilities() { return {{"tools", Json::object()}}; }

Json ServerInfo() { return {{"name", "strata"}, {"version", STRATA_VERSION}}; }

Json Discover() {
  return {{"supportedVersions", SupportedVersions()},
          {"capabilities", Capabilities()},
          {"ttlMs", kTimeToLiveMs},
          {"cacheScope", "public"}};
}

Json ListTools(const ServerState& state, Era era) {
  Json tools = Json::array();
  for (const ServedTool& tool : ServedTools()) {
    if (IsOffered(tool, state)) tools.push_back(tool.Description());
  }
  Json result = {{"tools", std::move(tools)}};
  if (era == Era::kModern) result.update({{"ttlMs", kTimeToLiveMs}, {"cacheScope", "public"}});
  return result;
}

/// A stream where the client wants to hear of progress, or can read nothing else.
bool WantsStream(std::string_view accept, const Json& progress_token) {
  const bool any = accept.empty() || accept.contains("*/*");
  if (!any && !accept.contains("text/event-stream")) return false;
  return !progress_token.is_null() || (!any && !accept.contains("application/json"));
}

/// One message under way.
class Handler {
 public:
  Handler(ServerState& state, std::shared_ptr<const LoadedModel> model, const HttpRequest& http, double arrived,
          Exchange& exchange)
      : state_(state),
        model_(std::move(model)),
        http_(http),
        tenant_(TenantOf(state.options, http.authorization).value_or(0)),
        arrived_(arrived),
        exchange_(exchange) {}

  asio::awaitable<void> Run() {
    auto parsed = ParseMessage(http_.body, id_);
    if (!parsed) {
      co_await Refuse(parsed.error());
      co_return;
    }
    const RpcMessage& message = *parsed;
    const auto era = EraOf(message, http_.mcp);
    if (!era) {
      co_await Refuse(era.error());
    } else if (*era == Era::kModern) {
      co_await ServeModern(message);
    } else if (message.method == "initialize" && message.is_request()) {
      co_await Initialize(message);
    } else {
      co_await ServeLegacy(message);
    }
  }

 private:
  asio::awaitable<void> ServeModern(const RpcMessage& message) {
    if (!message.is_request()) {
      co_await exchange_.Respond(Accepted());
    } else if (message.method == "server/discover") {
      co_await Succeed(Era::kModern, Discover());
    } else if (message.method == "tools/list") {
      co_await Succeed(Era::kModern, ListTools(state_, Era::kModern));
    } else if (message.method == "tools/call") {
      co_await Call(message, Era::kModern, nullptr);
    } else {
      co_await Refuse(UnknownMethod(Era::kModern, message.method));
    }
  }

  asio::awaitable<void> Initialize(const RpcMessage& message) {
    const auto wanted = message.params.find("protocolVersion");
    if (wanted == message.params.end() || !wanted->is_string()) {
      co_await Refuse({.code = spec::kInvalidParams, .message = "params.protocolVersion: must be a string"});
      co_return;
    }
    const auto& version = wanted->get_ref<const std::string&>();
    HttpResponse response = RpcResponse(
        ResultJson(id_, {{"protocolVersion", spec::IsLegacyVersion(version) ? version : spec::kLegacyVersions.front()},
                         {"capabilities", Capabilities()},
                         {"serverInfo", ServerInfo()}}));
    response.headers.emplace_back("Mcp-Session-Id", state_.mcp_sessions->Open(tenant_));
    co_await exchange_.Respond(std::move(response));
  }

  asio::awaitable<void> ServeLegacy(const RpcMessage& message) {
    if (http_.mcp.session_id.empty()) {
      co_await Refuse({.code = spec::kInvalidRequest,
                       .message = "the header Mcp-Session-Id is missing: initialize opens a session"});
      co_return;
    }
    const std::shared_ptr<Session> session = state_.mcp_sessions->Find(tenant_, http_.mcp.session_id);
    if (!session) {
      co_await Refuse({.code = spec::kInvalidRequest, .message = "there is no such session", .status = 404});
    } else if (!message.is_request()) {
      if (message.method == "notifications/cancelled")
        session->Cancel(message.params.value("requestId", Json()).dump());
      co_await exchange_.Respond(Accepted());
    } else if (message.method == "ping") {
      co_await Succeed(Era::kLegacy, Json::object());
    } else if (message.method == "tools/list") {
      co_await Succeed(Era::kLegacy, ListTools(state_, Era::kLegacy));
    } else if (message.method == "tools/call") {
      co_await Call(message, Era::kLegacy, session);
    } else {
      co_await Refuse(UnknownMethod(Era::kLegacy, message.method));
    }
  }

  /// `session` null: the end of the connection is all that cancels the call.
  asio::awaitable<void> Call(const RpcMessage& message, Era era, std::shared_ptr<Session> session) {
    const int status = era == Era::kModern ? 400 : 200;
    const Json name = message.params.value("name", Json()),
               arguments = message.params.value("arguments", Json::object());
    const ServedTool* tool = name.is_string() ? FindServedTool(state_, name.get_ref<const std::string&>()) : nullptr;
    if (tool == nullptr) {
      co_await Refuse({.code = spec::kInvalidParams,
                       .message = fmt::format("params.name: there is no tool {}", name.dump().substr(0, 200)),
                       .status = status});
      co_return;
    }
    if (!arguments.is_object()) {
      co_await Refuse({.code = spec::kInvalidParams,
                       .message = fmt::format("params.arguments: must be an object, not {}", arguments.type_name()),
                       .status = status});
      co_return;
    }
    auto cancellation = std::make_shared<Cancellation>(exchange_.executor());
    std::unique_ptr<Session::Running> running;
    if (session) {
      running = session->Begin(id_.dump(), cancellation);
      if (!running) {
        co_await Refuse({.code = spec::kInvalidRequest, .message = "id: another request of this id is running"});
        co_return;
      }
    }
    const ToolReply reply{.id = id_, .era = era, .progress_token = message.meta().value("progressToken", Json())};
    CallExchange exchange(exchange_, reply, std::move(cancellation));
    const ToolCall call{.state = state_,
                        .model = model_,
                        .tenant = tenant_,
                        .arguments = arguments,
                        .reply = reply,
                        .stream = WantsStream(http_.accept, reply.progress_token),
                        .arrived_seconds = arrived_,
                        .exchange = exchange};
    co_await tool->run(call);
    co_await exchange.Finish();
  }

  asio::awaitable<void> Succeed(Era era, Json result) {
    return exchange_.Respond(RpcResponse(ResultJson(id_, CompleteResult(era, std::move(result)))));
  }
  asio::awaitable<void> Refuse(const RpcError& error) { return exchange_.Respond(RpcErrorResponse(id_, error)); }

  ServerState& state_;
  const std::shared_ptr<const LoadedModel> model_;
  const HttpRequest& http_;
  const std::int32_t tenant_;
  const double arrived_;
  Exchange& exchange_;
  Json id_;
};

}  // namespace

bool IsOriginAllowed(const ServerOptions& options, std::string_view origin) {
  if (origin.empty()) return true;
  for (const std::string& allowed : options.allowed_origins) {
    if (allowed == "*" || allowed == origin) return true;
  }
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  std::string_view host = origin.substr(scheme + 3);
  const auto bracket = host.find(']');
  host = host.substr(0, host.find(':', bracket == std::string_view::npos ? 0 : bracket));
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

asio::awaitable<void> ServePost(ServerState& state, std::shared_ptr<const LoadedModel> model, const HttpRequest& http,
                                double arrived_seconds, Exchange& exchange) {
  Handler handler(state, std::move(model), http, arrived_seconds, exchange);
  co_await handler.Run();
}

HttpResponse ServeDelete(const ServerState& state, const HttpRequest& http) {
  if (http.mcp.session_id.empty()) {
    HttpResponse response =
        RpcErrorResponse({.status = 405, .message = "Without Mcp-Session-Id there is nothing to delete."});
    response.headers.emplace_back("Allow", "POST, OPTIONS");
    return response;
  }
  const std::int32_t tenant = TenantOf(state.options, http.authorization).value_or(0);
  if (state.mcp_sessions->Close(tenant, http.mcp.session_id)) return {.status = 204};
  return RpcErrorResponse({.status = 404, .message = "There is no such session."});
}

}  // namespace strata::serve::mcp
