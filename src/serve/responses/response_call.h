// POST /v1/responses: OpenAI's Responses API.
#pragma once

#include <string_view>

#include "serve/generate_call.h"

namespace strata::serve::responses {

CallOrError MakeResponseCall(const CallContext& context, std::string_view body);

}  // namespace strata::serve::responses
