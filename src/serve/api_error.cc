#include "serve/api_error.h"

#include <nlohmann/json.hpp>

namespace strata::serve {

ApiError ToApiError(const Error& error) {
  ApiError api;
  api.message = error.ToString();
  api.param = error.param();
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      break;
    case ErrorCode::kUnsupported:
      api.code = "unsupported_parameter";
      break;
    case ErrorCode::kNotFound:
      api.status = 404;
      api.code = "not_found";
      break;
    case ErrorCode::kResourceExhausted:
      api.status = 429;
      api.type = "rate_limit_error";
      api.code = "overloaded";
      break;
    case ErrorCode::kDeadlineExceeded:
      api.status = 408;
      api.type = "timeout_error";
      api.code = "timeout";
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      api.status = 503;
      api.type = "unavailable_error";
      api.code = "unavailable";
      api.retry_after_seconds = 1;
      break;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      api.status = 500;
      api.type = "server_error";
      api.code = "internal_error";
      break;
  }
  return api;
}

std::string ErrorJson(const ApiError& error) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  const nlohmann::ordered_json json = {{"error",
                                        {{"message", error.message},
                                         {"type", error.type},
                                         {"param", text_or_null(error.param)},
                                         {"code", text_or_null(error.code)}}}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

HttpResponse ErrorResponse(const ApiError& error) {
  HttpResponse response{.status = error.status, .body = ErrorJson(error)};
  if (error.retry_after_seconds > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_seconds));
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

ApiError ModelNotFound(std::string_view model) {
  return {.status = 404,
          .message = "The model `" + std::string(model) + "` does not exist.",
          .param = "model",
          .code = "model_not_found"};
}

}  // namespace strata::serve
