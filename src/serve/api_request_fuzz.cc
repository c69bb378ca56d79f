// Any bytes as a request body, for every parser: a request within its bounds, or an Error for the client.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "serve/anthropic/messages_request.h"
#include "serve/mcp/json_rpc.h"
#include "serve/mcp/protocol.h"
#include "serve/pooling/request.h"
#include "serve/request.h"
#include "serve/responses/response_request.h"

namespace {

template <class T>
void MustBeTheClientsFault(const strata::Result<T>& result) {
  if (result) return;
  const strata::ErrorCode code = result.error().code();
  if (code != strata::ErrorCode::kInvalidArgument && code != strata::ErrorCode::kUnsupported) std::abort();
  if (result.error().message().empty()) std::abort();
}

void CheckBounds(const strata::serve::GenerateRequest& request) {
  if (request.n < 1 || request.n > 128 || request.text.stop.size() > 16) std::abort();
  if (request.chat != request.prompts.empty()) std::abort();
  strata::SamplingParams sampling = request.sampling;
  sampling.max_tokens = request.max_tokens.value_or(INT32_MAX);
  sampling.prompt_logprobs = 0;  // max_tokens 0 needs it
  // With any vocabulary the ranges of a parsed request are those of the engine.
  if (!sampling.Validate(std::int64_t{1} << 31)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto& request : {strata::serve::ParseChatRequest(body), strata::serve::ParseCompletionRequest(body)}) {
    MustBeTheClientsFault(request);
    if (request) CheckBounds(*request);
  }
  const auto message = strata::serve::anthropic::ParseMessagesRequest(body, {}, /*counting=*/false);
  MustBeTheClientsFault(message);
  if (message) CheckBounds(message->generate);
  auto response = strata::serve::responses::ParseResponseRequest(body, {});
  MustBeTheClientsFault(response);
  if (response) {
    CheckBounds(response->generate);
    MustBeTheClientsFault(strata::serve::responses::SetConversation(*response, nlohmann::ordered_json::array()));
  }
  nlohmann::ordered_json id;
  if (const auto rpc = strata::serve::mcp::ParseMessage(body, id); rpc) {
    for (const char* version : {"", "2025-11-25", "2026-07-28", "2000-01-01"}) {
      const auto era = strata::serve::mcp::EraOf(
          *rpc, {.protocol_version = version, .session_id = "", .method = rpc->method, .name = "=?base64?Y2hhdA==?="});
      if (!era && era.error().message.empty()) std::abort();
    }
  }
  MustBeTheClientsFault(strata::serve::ParseTokenizeRequest(body));
  MustBeTheClientsFault(strata::serve::ParseDetokenizeRequest(body));
  MustBeTheClientsFault(strata::serve::pooling::ParseEmbeddingRequest(body));
  MustBeTheClientsFault(strata::serve::pooling::ParseRerankRequest(body));
  MustBeTheClientsFault(strata::serve::pooling::ParseScoreRequest(body));
  return 0;
}
