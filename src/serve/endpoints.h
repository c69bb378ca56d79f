// The endpoints that answer at once, from plain data: models, tokenize, detokenize, stored responses, count_tokens,
// health, version, metrics.
#pragma once

#include <expected>

#include "serve/api_error.h"
#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve {

using Answer = std::expected<HttpResponse, ApiError>;

/// Any route but those that generate.
Answer AnswerPlain(const ServerState& state, const RouteMatch& match, const HttpRequest& request);

}  // namespace strata::serve
