#include "grammar/json_schema/json_schema.h"

#include "grammar/json_schema/schema_network.h"

namespace strata::grammar {

Result<CompiledSchema> CompileJsonSchema(Network& network, const nlohmann::ordered_json& schema,
                                         const JsonSchemaOptions& options) {
  STRATA_TRY(std::unique_ptr<SchemaNetwork> source, SchemaNetwork::Build(network, schema, options));
  CompiledSchema compiled;
  compiled.root = source->Root(network);
  compiled.source = std::move(source);
  return compiled;
}

}  // namespace strata::grammar
