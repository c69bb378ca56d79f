// Schemas that list their values.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/schema_document.h"

namespace strata::grammar {

/// The constants among which all values of a schema are, where it lists at most `limit`; some may be refused by another
/// of its rules. Equal values have equal ids.
Result<std::optional<std::vector<SchemaId>>> ListedValues(SchemaDocument& document, SchemaId id, std::size_t limit);

}  // namespace strata::grammar
