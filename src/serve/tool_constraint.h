// What tools and formats ask of an answer's text.
#pragma once

#include "base/result.h"
#include "serve/request.h"
#include "serve/state.h"
#include "serve/tools/dialect.h"

namespace strata::serve {

/// Works out request.constraint: what the answer must be where its format is asked for, where the client counts on a
/// call or on arguments that fit their schema (request.tool_use.constrained): a text of the format or calls, after the
/// model's thoughts.
void ConstrainAnswer(const LoadedModel& model, const tools::ReasoningState& reasoning, GenerateRequest& request);

/// The grammar of request.constraint; null where it has none. Errors: kInvalidArgument and kUnsupported; param is the
/// field, or the place of the tool's schema that cannot be held ("tools[1].function.parameters").
Result<std::shared_ptr<grammar::Grammar>> CompileConstraint(const LoadedModel& model, const GenerateRequest& request);

}  // namespace strata::serve
