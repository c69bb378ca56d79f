// The network of a compiled schema: values, and the places between the items of arrays and the members of objects, as
// nodes that are made when a text reaches them.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include "grammar/json_schema/array_progress.h"
#include "grammar/json_schema/expander.h"
#include "grammar/json_schema/inhabitants.h"
#include "grammar/json_schema/json_schema.h"
#include "grammar/json_schema/object_progress.h"

namespace strata::grammar {

class SchemaNetwork final : public JsonSchemaSource {
 public:
  /// Reads the schema and explores it. Errors: as CompileJsonSchema.
  static Result<std::unique_ptr<SchemaNetwork>> Build(Network& network, const Json& schema,
                                                      const JsonSchemaOptions& options);

  NodeId Root(Network& network) { return ValueThen(network, root_, kAcceptNode); }
  NodeId Expand(Network& network, std::uint32_t payload) override;

 private:
  struct ValuePlace {
    ObligationId value;
    auto operator<=>(const ValuePlace&) const = default;
  };
  /// After an item of an array.
  struct ArrayPlace {
    PlanId plan;
    ArrayProgress progress;
    auto operator<=>(const ArrayPlace&) const = default;
  };
  /// After a member of an object.
  struct ObjectPlace {
    PlanId plan;
    ObjectProgress progress;
    auto operator<=>(const ObjectPlace&) const = default;
  };
  using Place = std::variant<ValuePlace, ArrayPlace, ObjectPlace>;
  /// JSON's structural characters with the white space around them.
  struct Marks {
    LexState open_array, close_array, close_empty_array;
    LexState open_object, close_object, close_empty_object;
    LexState comma, colon;
  };

  SchemaNetwork(Network& network, std::unique_ptr<SchemaDocument> document, const JsonSchemaOptions& options);
  NodeId At(Network& network, Place place);
  /// A value of `value`, and then `next`.
  NodeId ValueThen(Network& network, ObligationId value, NodeId next);
  NodeId ScalarsThen(Network& network, const Values& values, NodeId next);
  NodeId Expand(Network& network, const ValuePlace& place);
  NodeId Expand(Network& network, const ArrayPlace& place);
  NodeId Expand(Network& network, const ObjectPlace& place);
  NodeId Items(Network& network, PlanId plan, const ArrayProgress& progress);
  NodeId Members(Network& network, PlanId plan, const ObjectProgress& progress);
  ArrayWalker& array_walker(PlanId plan);
  ObjectWalker& object_walker(PlanId plan);

  std::unique_ptr<SchemaDocument> document_;
  JsonSchemaOptions options_;
  Expander expander_;
  Inhabitants inhabitants_;
  ObligationId root_ = kAnyValue;
  Marks marks_;
  std::vector<Place> places_;
  std::map<Place, std::uint32_t> payloads_;
  std::unordered_map<PlanId, std::unique_ptr<ArrayWalker>> array_walkers_;
  std::unordered_map<PlanId, std::unique_ptr<ObjectWalker>> object_walkers_;
};

}  // namespace strata::grammar
