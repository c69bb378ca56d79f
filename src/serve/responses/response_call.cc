#include "serve/responses/response_call.h"

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "serve/http.h"
#include "serve/mcp_servers.h"
#include "serve/response_json.h"
#include "serve/responses/mcp_rounds.h"
#include "serve/responses/output_writer.h"
#include "serve/responses/response_request.h"

namespace strata::serve::responses {
namespace {

using Json = nlohmann::ordered_json;

/// The items of the conversation that the response goes on from.
std::expected<Json, ApiError> EarlierItems(const CallContext& context, const std::string& id) {
  if (id.empty()) return Json::array();
  const auto previous = context.state.responses->Get(context.tenant, id);
  if (!previous) {
    return std::unexpected(
        ApiError{.message = fmt::format("Previous response with id '{}' not found.", id.substr(0, 100)),
                 .param = "previous_response_id",
                 .code = "previous_response_not_found"});
  }
  Json items = Json::parse(previous->input);
  for (Json& item : Json::parse(previous->response).at("output")) items.push_back(std::move(item));
  return items;
}

std::expected<McpServer, ApiError> ServerOf(const CallContext& context, McpTool asked) {
  const auto refuse = [&](const char* member, const std::string& message) {
    const std::string path = asked.path + member;
    return std::unexpected(ApiError{.message = fmt::format("{}: {}", path, message), .param = path});
  };
  if (asked.server_url.empty()) {
    auto client = context.state.mcp_servers->Find(asked.server_label);
    if (!client) {
      return refuse(".server_label", "no MCP server of this label is configured here (--mcp-servers)");
    }
    return McpServer{.asked = std::move(asked), .client = std::move(client)};
  }
  strata::mcp::ServerConfig config;
  config.label = asked.server_label;
  config.transport = strata::mcp::HttpTransport{.url = asked.server_url, .headers = asked.headers};
  config.allowed_tools = asked.allowed_tools;
  auto client = context.state.mcp_servers->Open(std::move(config));
  if (!client) return refuse(".server_url", client.error().ToString());
  return McpServer{.asked = std::move(asked), .client = std::move(*client)};
}

std::expected<std::unique_ptr<Rounds>, ApiError> MakeRounds(const CallContext& context, ResponseRequest& request,
                                                            OutputWriter& writer) {
  if (request.tools.servers.empty()) return nullptr;
  McpRoundsOptions options{.tools = std::move(request.tools),
                           .conversation = std::move(request.conversation),
                           .items = std::move(request.mcp_items),
                           .max_tool_calls = request.max_tool_calls,
                           // Of usual text an eighth of the context, of dense text a half.
                           .max_output_bytes = static_cast<std::size_t>(context.model.max_context) / 2};
  for (McpTool& asked : std::exchange(options.tools.servers, {})) {
    auto server = ServerOf(context, std::move(asked));
    if (!server) return std::unexpected(std::move(server.error()));
    options.servers.push_back(std::move(*server));
  }
  return std::make_unique<McpRounds>(std::move(options), writer);
}

}  // namespace

CallOrError MakeResponseCall(const CallContext& context, std::string_view body) {
  auto request = ParseResponseRequest(body, context.model.served->file->generation_defaults(),
                                      context.state.options.registered_tools);
  if (!request) return std::unexpected(ToApiError(request.error()));
  auto earlier = EarlierItems(context, request->previous_response_id);
  if (!earlier) return std::unexpected(std::move(earlier.error()));
  auto items = SetConversation(*request, std::move(*earlier));
  if (!items) return std::unexpected(ToApiError(items.error()));

  ResponseHead head{
      .id = MakeId("resp_"),
      .created = UnixSeconds(),
      .model = request->generate.model.empty() ? context.state.options.model_name : request->generate.model,
      .echo = std::move(request->echo)};
  std::string id = head.id;
  std::function<void(std::string_view)> keep = [](std::string_view) {};
  if (request->store) {
    keep = [store = context.state.responses, tenant = context.tenant, id, input = Dump(*items)](
               std::string_view whole) { store->Put(tenant, id, {.response = std::string(whole), .input = input}); };
  }
  auto writer = std::make_unique<OutputWriter>(std::move(head), std::move(keep));
  auto rounds = MakeRounds(context, *request, *writer);
  if (!rounds) return std::unexpected(std::move(rounds.error()));
  return GenerateCall{.request = std::move(request->generate),
                      .id = std::move(id),
                      .writer = std::move(writer),
                      .rounds = std::move(*rounds)};
}

}  // namespace strata::serve::responses
