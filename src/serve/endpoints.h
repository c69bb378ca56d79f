// The endpoints that answer at once, from plain data: models, tokenize, detokenize, health, version, metrics.
#pragma once

#include "serve/http.h"
#include "serve/state.h"

namespace strata::serve {

/// Any route but those of generation.
HttpResponse AnswerPlain(const ServerState& state, const RouteMatch& match, const HttpRequest& request);

}  // namespace strata::serve
