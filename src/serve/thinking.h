// How much a model thinks: what the request says of it, as the engine is held to it.
#pragma once

#include "base/result.h"
#include "serve/request.h"
#include "serve/state.h"
#include "serve/tools/dialect.h"

namespace strata::serve {

/// Works out request.thinking_limit: the tokens that the request grants, or that its effort means where the template
/// knows no effort. A model that does not think needs none. Errors: kUnsupported with the field as param, where the
/// tokenizer cannot write what ends a thought.
Status LimitThinking(const LoadedModel& model, const tools::ReasoningState& reasoning, GenerateRequest& request);

}  // namespace strata::serve
