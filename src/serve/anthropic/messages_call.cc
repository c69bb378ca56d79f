#include "serve/anthropic/messages_call.h"

#include <memory>
#include <utility>

#include "serve/anthropic/messages_request.h"
#include "serve/anthropic/messages_writer.h"
#include "serve/http.h"

namespace strata::serve::anthropic {

CallOrError MakeMessagesCall(const CallContext& context, std::string_view body) {
  auto request = ParseMessagesRequest(body, context.model.served->file->generation_defaults(), /*counting=*/false,
                                      context.state.options.registered_tools);
  if (!request) return std::unexpected(ToApiError(request.error()));
  MessageHeader header{.id = MakeId("msg_"),
                       .model = request->generate.model,
                       .max_tokens = *request->generate.max_tokens,
                       .omit_thinking = request->omit_thinking};
  std::string id = header.id;
  return GenerateCall{.request = std::move(request->generate),
                      .id = std::move(id),
                      .writer = std::make_unique<MessagesWriter>(std::move(header))};
}

}  // namespace strata::serve::anthropic
