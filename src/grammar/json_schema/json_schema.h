// JSON Schema (2020-12; 2019-09, drafts 4, 6 and 7 where they differ) into a network whose texts are exactly JSON
// values that the schema accepts. What cannot be held is refused, never weakened.
#pragma once

#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "grammar/json_schema/json_schema_options.h"
#include "grammar/network.h"

namespace strata::grammar {

/// Keeps what the network's lazy nodes need: must live as long as the network is used.
class JsonSchemaSource : public NodeSource {};

struct CompiledSchema {
  std::unique_ptr<JsonSchemaSource> source;
  NodeId root = kFailNode;
};

/// Explores the schema once, so that everything unsupported or unsatisfiable is found here. Errors: kInvalidArgument
/// (not a schema), kUnsupported (a keyword or a combination that cannot be held; too complex), with the JSON pointer of
/// the keyword in the message and as param.
Result<CompiledSchema> CompileJsonSchema(Network& network, const nlohmann::ordered_json& schema,
                                         const JsonSchemaOptions& options = {});

}  // namespace strata::grammar
