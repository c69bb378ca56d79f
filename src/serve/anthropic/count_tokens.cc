#include "serve/anthropic/count_tokens.h"

#include "serve/anthropic/messages_request.h"
#include "serve/generation.h"
#include "serve/response_json.h"

namespace strata::serve::anthropic {

Answer CountTokens(const ServerState& state, const LoadedModel& model, std::string_view body) {
  const auto request = ParseMessagesRequest(body, model.served->file->generation_defaults(), /*counting=*/true,
                                            state.options.registered_tools);
  if (!request) return std::unexpected(ToApiError(request.error()));
  if (!state.IsModelName(request->generate.model)) return std::unexpected(state.NoGenerator(request->generate.model));
  const auto prompt = RenderPrompt(model, request->generate.chat_input, request->generate.tool_use);
  if (!prompt) return std::unexpected(prompt.error());
  return HttpResponse{.body = Dump({{"input_tokens", prompt->tokens.size()}})};
}

}  // namespace strata::serve::anthropic
