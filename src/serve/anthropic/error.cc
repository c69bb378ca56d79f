#include "serve/anthropic/error.h"

#include <algorithm>
#include <array>

#include "serve/response_json.h"

namespace strata::serve::anthropic {
namespace {

struct Kind {
  int status;            ///< of OpenAI's endpoints
  int anthropic_status;  ///< what it is here
  std::string_view type;
};

// Anthropic documents these under "Errors"; what it has no type for is the client's fault.
constexpr std::array kKinds = {Kind{400, 400, "invalid_request_error"},
                               Kind{401, 401, "authentication_error"},
                               Kind{404, 404, "not_found_error"},
                               Kind{408, 504, "timeout_error"},
                               Kind{413, 413, "request_too_large"},
                               Kind{429, 429, "rate_limit_error"},
                               Kind{500, 500, "api_error"},
                               Kind{503, 529, "overloaded_error"}};

Kind KindOf(const ApiError& error) {
  const auto* kind = std::ranges::find(kKinds, error.status, &Kind::status);
  return kind != kKinds.end() ? *kind : Kind{error.status, error.status, "invalid_request_error"};
}

}  // namespace

std::string ErrorJson(const ApiError& error, std::string_view request_id) {
  // Clients look for these words to know that the conversation has to become shorter.
  const std::string_view prefix = error.code == "context_length_exceeded" ? "prompt is too long: " : "";
  nlohmann::ordered_json json = {
      {"type", "error"}, {"error", {{"type", KindOf(error).type}, {"message", std::string(prefix) + error.message}}}};
  if (!request_id.empty()) json["request_id"] = request_id;
  return Dump(json);
}

HttpResponse ErrorResponse(const ApiError& error, std::string_view request_id) {
  HttpResponse response = serve::ErrorResponse(error);
  response.status = KindOf(error).anthropic_status;
  response.body = ErrorJson(error, request_id);
  return response;
}

}  // namespace strata::serve::anthropic
