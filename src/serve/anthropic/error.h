// Errors as clients of Anthropic's API know them: {"type":"error","error":{"type","message"},"request_id"}.
#pragma once

#include <string>
#include <string_view>

#include "serve/api_error.h"

namespace strata::serve::anthropic {

/// The statuses are Anthropic's where they differ: 504 for the time that a request may take, 529 for a server that has
/// no model yet, or is about to leave.
HttpResponse ErrorResponse(const ApiError& error, std::string_view request_id);

/// The body alone, for a stream's event. Without an id where it is empty.
std::string ErrorJson(const ApiError& error, std::string_view request_id = {});

}  // namespace strata::serve::anthropic
