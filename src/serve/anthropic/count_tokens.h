// POST /v1/messages/count_tokens: how long the prompt of a request for /v1/messages is.
#pragma once

#include <string_view>

#include "serve/endpoints.h"

namespace strata::serve::anthropic {

Answer CountTokens(const ServerState& state, const LoadedModel& model, std::string_view body);

}  // namespace strata::serve::anthropic
