// What tools and formats ask of an answer's text.
#pragma once

#include "base/result.h"
#include "serve/request.h"
#include "serve/state.h"
#include "serve/tools/dialect.h"

namespace strata::serve {

/// Works out request.constraint: what the answer must be where its format is asked for, where the client counts on a
/// call or on arguments that fit their schema (request.tool_use.constrained): a text of the format or calls, after the
/// model's thoughts. Errors: kInvalidArgument and kUnsupported with the schema's path ("tools[1].function.parameters")
/// as param.
Status ConstrainAnswer(const LoadedModel& model, const tools::ReasoningState& reasoning, GenerateRequest& request);

}  // namespace strata::serve
