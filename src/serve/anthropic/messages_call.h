// POST /v1/messages: Anthropic's Messages API.
#pragma once

#include <string_view>

#include "serve/generate_call.h"

namespace strata::serve::anthropic {

CallOrError MakeMessagesCall(const CallContext& context, std::string_view body);

}  // namespace strata::serve::anthropic
