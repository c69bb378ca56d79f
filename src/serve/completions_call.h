// POST /v1/chat/completions and /v1/completions: OpenAI's chat completions, and its older completions.
#pragma once

#include <string_view>

#include "serve/generate_call.h"

namespace strata::serve {

CallOrError MakeChatCall(const CallContext& context, std::string_view body);
CallOrError MakeCompletionCall(const CallContext& context, std::string_view body);

}  // namespace strata::serve
