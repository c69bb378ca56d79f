#include "serve/responses/response_call.h"

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "serve/http.h"
#include "serve/response_json.h"
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
  return GenerateCall{.request = std::move(request->generate),
                      .id = std::move(id),
                      .writer = std::make_unique<OutputWriter>(std::move(head), std::move(keep))};
}

}  // namespace strata::serve::responses
