// From the facts of a branch to a plan.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "grammar/json_schema/expander.h"

namespace strata::grammar {

/// Whether a property is required for which there is surely no value.
Result<bool> RequiresImpossible(Expander& expander, const ObjectFacts& facts);

/// nullopt where there is plainly no such value. Errors: kUnsupported for what no plan can hold.
Result<std::optional<ArrayPlan>> BuildArrayPlan(Expander& expander, const ArrayFacts& facts);
Result<std::optional<ObjectPlan>> BuildObjectPlan(Expander& expander, const ObjectFacts& facts);

}  // namespace strata::grammar
