// Errors as clients of the OpenAI API know them: a status, and {"error": {message, type, param, code}}.
#pragma once

#include <string>

#include "base/result.h"
#include "serve/http.h"

namespace strata::serve {

struct ApiError {
  int status = 400;
  std::string message = {};
  std::string type = "invalid_request_error";
  std::string param = {};       ///< "" = null
  std::string code = {};        ///< "" = null
  int retry_after_seconds = 0;  ///< 0 = no Retry-After
};

/// The status that an error of the layers below means for an HTTP client.
ApiError ToApiError(const Error& error);

/// {"error": {...}} without a newline.
std::string ErrorJson(const ApiError& error);
HttpResponse ErrorResponse(const ApiError& error);

ApiError ModelNotFound(std::string_view model);

}  // namespace strata::serve
