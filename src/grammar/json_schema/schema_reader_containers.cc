// SchemaReader's keywords of arrays and objects, and those that apply schemas in place.
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {

Status SchemaReader::ItemList(const Json& value) {
  if (!value.is_array()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a list of schemas");
  for (std::uint32_t i = 0; i < value.size(); ++i) {
    STRATA_TRY(const SchemaId item, Child(value[i], fmt::format("{}/{}", Here(), i)));
    Emit(ItemsRule{.from = i, .to = i + 1, .schema = item});
  }
  return {};
}

Status SchemaReader::Items(const Json& value) {
  if (value.is_array()) return ItemList(value);
  STRATA_TRY(const SchemaId item, Child(value, Here()));
  const Json* prefix = Sibling("prefixItems");
  const bool after_prefix = prefix != nullptr && prefix->is_array() && draft_ >= Draft::kUnsaid;
  Emit(ItemsRule{.from = after_prefix ? static_cast<std::uint32_t>(prefix->size()) : 0, .schema = item});
  return {};
}

Status SchemaReader::PrefixItems(const Json& value) { return draft_ >= Draft::kUnsaid ? ItemList(value) : Status(); }

Status SchemaReader::AdditionalItems(const Json& value) {
  const Json* items = Sibling("items");
  if (items == nullptr || !items->is_array()) return {};
  STRATA_TRY(const SchemaId item, Child(value, Here()));
  Emit(ItemsRule{.from = static_cast<std::uint32_t>(items->size()), .schema = item});
  return {};
}

Status SchemaReader::MinItems(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  if (count > 0) Emit(ItemCountRule{.min = count});
  return {};
}

Status SchemaReader::MaxItems(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  Emit(ItemCountRule{.min = 0, .max = count});
  return {};
}

Status SchemaReader::UniqueItems(const Json& value) {
  if (!value.is_boolean()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a boolean");
  if (value.get<bool>()) Emit(UniqueItemsRule{});
  return {};
}

Status SchemaReader::Contains(const Json& value) {
  ContainsRule rule;
  STRATA_TRY(rule.schema, Child(value, Here()));
  if (const Json* min = Sibling("minContains"); min != nullptr && draft_ >= Draft::kDraft2019) {
    STRATA_TRY(rule.min, Count(*min));
  }
  if (const Json* max = Sibling("maxContains"); max != nullptr && draft_ >= Draft::kDraft2019) {
    STRATA_TRY(rule.max, Count(*max));
  }
  rule.evaluates = draft_ >= Draft::kUnsaid;
  Emit(rule);
  return {};
}

Status SchemaReader::UnevaluatedItems(const Json& value) {
  STRATA_TRY(const SchemaId id, Child(value, Here()));
  Emit(UnevaluatedItemsRule{id});
  return {};
}

Status SchemaReader::Properties(const Json& value) {
  if (!value.is_object()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be an object of schemas");
  PropertiesRule rule;
  for (const auto& [name, schema] : value.items()) {
    STRATA_TRY(const SchemaId id, Child(schema, Here() + PointerToken(name)));
    rule.properties.emplace_back(name, id);
  }
  Emit(std::move(rule));
  return {};
}

Status SchemaReader::PatternProperties(const Json& value) {
  if (!value.is_object()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be an object of schemas");
  for (const auto& [pattern, schema] : value.items()) {
    STRATA_TRY(const SchemaId id, Child(schema, Here() + PointerToken(pattern)));
    Emit(PatternPropertyRule{.pattern = pattern, .schema = id});
  }
  return {};
}

Status SchemaReader::AdditionalProperties(const Json& value) {
  AdditionalPropertiesRule rule;
  STRATA_TRY(rule.schema, Child(value, Here()));
  if (const Json* properties = Sibling("properties"); properties != nullptr && properties->is_object()) {
    for (const auto& [name, schema] : properties->items()) rule.names.push_back(name);
  }
  if (const Json* patterns = Sibling("patternProperties"); patterns != nullptr && patterns->is_object()) {
    for (const auto& [pattern, schema] : patterns->items()) rule.patterns.push_back(pattern);
  }
  Emit(std::move(rule));
  return {};
}

Status SchemaReader::PropertyNames(const Json& value) {
  STRATA_TRY(const SchemaId id, Child(value, Here()));
  Emit(PropertyNamesRule{id});
  return {};
}

Status SchemaReader::Required(const Json& value) {
  STRATA_TRY(std::vector<std::string> names, Names(value, Here()));
  if (!names.empty()) Emit(RequiredRule{std::move(names)});
  return {};
}

Status SchemaReader::MinProperties(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  if (count > 0) Emit(PropertyCountRule{.min = count});
  return {};
}

Status SchemaReader::MaxProperties(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  Emit(PropertyCountRule{.min = 0, .max = count});
  return {};
}

Status SchemaReader::DependentRequired(const Json& value) {
  if (!value.is_object()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be an object");
  for (const auto& [name, needed] : value.items()) {
    Schema schema{.pointer = Here() + PointerToken(name), .rules = {}};
    STRATA_TRY(std::vector<std::string> names, Names(needed, schema.pointer));
    if (names.empty()) continue;
    schema.rules.push_back({RequiredRule{std::move(names)}, "required"});
    Emit(DependentRule{.name = name, .schema = document_.Add(std::move(schema))});
  }
  return {};
}

Status SchemaReader::DependentSchemas(const Json& value) {
  if (!value.is_object()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be an object");
  for (const auto& [name, dependent] : value.items()) {
    // `dependencies`, until 2019-09, is both.
    if (dependent.is_array()) {
      STRATA_CHECK(DependentRequired(Json::object({{name, dependent}})));
    } else {
      STRATA_TRY(const SchemaId id, Child(dependent, Here() + PointerToken(name)));
      Emit(DependentRule{.name = name, .schema = id});
    }
  }
  return {};
}

Status SchemaReader::UnevaluatedProperties(const Json& value) {
  STRATA_TRY(const SchemaId id, Child(value, Here()));
  Emit(UnevaluatedPropertiesRule{id});
  return {};
}

Status SchemaReader::AllOf(const Json& value) {
  STRATA_TRY(std::vector<SchemaId> schemas, Children(value));
  Emit(AllOfRule{std::move(schemas)});
  return {};
}

Status SchemaReader::AnyOf(const Json& value) {
  STRATA_TRY(std::vector<SchemaId> schemas, Children(value));
  Emit(AnyOfRule{std::move(schemas)});
  return {};
}

Status SchemaReader::OneOf(const Json& value) {
  STRATA_TRY(std::vector<SchemaId> schemas, Children(value));
  Emit(OneOfRule{std::move(schemas)});
  return {};
}

Status SchemaReader::Not(const Json& value) {
  STRATA_TRY(const SchemaId id, Child(value, Here()));
  Emit(NotRule{id});
  return {};
}

Status SchemaReader::If(const Json& value) {
  ConditionalRule rule{.condition = 0, .then = kTrueSchema, .otherwise = kTrueSchema};
  STRATA_TRY(rule.condition, Child(value, Here()));
  if (const Json* then = Sibling("then")) {
    STRATA_TRY(rule.then, Child(*then, place_.pointer + "/then"));
  }
  if (const Json* otherwise = Sibling("else")) {
    STRATA_TRY(rule.otherwise, Child(*otherwise, place_.pointer + "/else"));
  }
  Emit(rule);
  return {};
}

Status SchemaReader::Follow(Result<SchemaId> target) {
  if (!target) return SchemaFail(target.error().code(), Here(), "{}", target.error().message());
  Emit(AllOfRule{{*target}});
  return {};
}

Status SchemaReader::Ref(const Json& value) {
  if (!value.is_string()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a string");
  return Follow(document_.Reference(value.get_ref<const std::string&>(), place_, scope_, /*dynamic=*/false));
}

Status SchemaReader::DynamicRef(const Json& value) {
  if (!value.is_string()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a string");
  return Follow(document_.Reference(value.get_ref<const std::string&>(), place_, scope_, /*dynamic=*/true));
}

Status SchemaReader::RecursiveRef(const Json& value) {
  if (value != "#") return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be \"#\"");
  return Follow(document_.RecursiveReference(place_, scope_));
}

Status SchemaReader::DraftThree(const Json& value) {
  // Elsewhere these are nobody's keywords.
  if (draft_ != Draft::kDraft4 || value.is_string()) return {};
  return SchemaFail(ErrorCode::kUnsupported, Here(), "a keyword of draft 3");
}

}  // namespace strata::grammar
