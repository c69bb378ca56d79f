// What became of each operation of a model, and what that costs: for `strata graph --explain`.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/model_runner.h"

namespace strata::cli {

/// A table of the plan's operations (layers that are alike share an entry): the model's operations that it
/// computes, and for a step of one stream, of max_sequences streams and of a whole prefill chunk its roofline and the
/// time that it took here. Runs these steps, some seconds.
Result<std::string> ExplainOperations(ModelRunner& runner);

}  // namespace strata::cli
