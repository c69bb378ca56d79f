#include "grammar/json_schema/schema_document.h"

#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// Constants are compared by recursion.
constexpr std::uint32_t kMaxConstantDepth = 256;

/// What a schema without schemas in it says, whatever its annotations; empty for others. Many properties are of a few
/// such schemas, and equal ones need not be explored each for itself.
std::string LeafText(const Json& schema, Draft draft) {
  std::string text = fmt::format("{}", static_cast<int>(draft));
  for (const auto& [name, value] : schema.items()) {
    if (SchemaReader::IsLeafKeyword(name)) {
      text += fmt::format("\n{}:{}", name, value.dump());
    } else if (SchemaReader::IsKeyword(name)) {
      return "";
    }
  }
  return text;
}

}  // namespace

Kinds KindsOf(const Rule& rule) {
  return std::visit(Overloaded{
                        [](const TypeRule& type) {
                          return static_cast<Kinds>((kAllKinds & ~type.kinds) | (type.integer ? kNumberKind : 0));
                        },
                        [](const PatternRule&) { return kStringKind; },
                        [](const LengthRule&) { return kStringKind; },
                        [](const FormatRule&) { return kStringKind; },
                        [](const BoundRule&) { return kNumberKind; },
                        [](const MultipleRule&) { return kNumberKind; },
                        [](const ItemsRule&) { return kArrayKind; },
                        [](const ItemCountRule&) { return kArrayKind; },
                        [](const ContainsRule&) { return kArrayKind; },
                        [](const UniqueItemsRule&) { return kArrayKind; },
                        [](const UnevaluatedItemsRule&) { return kArrayKind; },
                        [](const PropertiesRule&) { return kObjectKind; },
                        [](const PatternPropertyRule&) { return kObjectKind; },
                        [](const AdditionalPropertiesRule&) { return kObjectKind; },
                        [](const PropertyNamesRule&) { return kObjectKind; },
                        [](const RequiredRule&) { return kObjectKind; },
                        [](const PropertyCountRule&) { return kObjectKind; },
                        [](const DependentRule&) { return kObjectKind; },
                        [](const UnevaluatedPropertiesRule&) { return kObjectKind; },
                        [](const auto&) { return kAllKinds; },
                    },
                    rule.value);
}

Result<std::unique_ptr<SchemaDocument>> SchemaDocument::Load(const Json& root) {
  if (!root.is_object() && !root.is_boolean()) {
    return Fail(ErrorCode::kInvalidArgument, "a JSON Schema must be an object or a boolean, not {}", root.type_name());
  }
  std::unique_ptr<SchemaDocument> document(new SchemaDocument(root));
  STRATA_TRY(document->resources_, ResourceIndex::Build(document->json_));
  document->scopes_.emplace_back();
  document->Add(Schema{});
  document->Add(Schema{.pointer = "", .rules = {{TypeRule{.kinds = 0}, "false"}}});
  document->root_ = document->At(document->resources_.resource(0).place, 0);
  return document;
}

SchemaId SchemaDocument::Add(Schema schema) {
  entries_.push_back({.place = {}, .scope = 0, .schema = std::move(schema)});
  return static_cast<SchemaId>(entries_.size() - 1);
}

ScopeId SchemaDocument::Enter(ScopeId scope, std::uint32_t resource) {
  if (!resources_.has_dynamic_anchors()) return scope;
  Scope entered = scopes_[scope];
  for (const auto& [name, place] : resources_.resource(resource).dynamic_anchors) entered.emplace(name, place);
  for (ScopeId i = 0; i < scopes_.size(); ++i) {
    const bool same = scopes_[i].size() == entered.size() &&
                      std::equal(entered.begin(), entered.end(), scopes_[i].begin(), [](const auto& a, const auto& b) {
                        return a.first == b.first && a.second.json == b.second.json;
                      });
    if (same) return i;
  }
  scopes_.push_back(std::move(entered));
  return static_cast<ScopeId>(scopes_.size() - 1);
}

SchemaId SchemaDocument::At(SchemaPlace place, ScopeId scope) {
  if (place.json->is_boolean()) return place.json->get<bool>() ? kTrueSchema : kFalseSchema;
  place.resource = resources_.ResourceAt(place.json, place.resource);
  scope = Enter(scope, place.resource);
  const auto next = static_cast<SchemaId>(entries_.size());
  const auto [it, added] = ids_.try_emplace({place.json, scope}, next);
  if (!added) return it->second;
  const std::string leaf = LeafText(*place.json, resources_.resource(place.resource).draft);
  if (!leaf.empty()) it->second = leaves_.try_emplace(leaf, next).first->second;
  if (it->second == next) entries_.push_back({.place = std::move(place), .scope = scope, .schema = std::nullopt});
  return it->second;
}

Result<const Schema*> SchemaDocument::Get(SchemaId id) {
  if (!entries_[id].schema) {
    // Copies: reading a schema adds entries.
    const SchemaPlace place = entries_[id].place;
    SchemaReader reader(*this, place, entries_[id].scope);
    STRATA_TRY(Schema schema, reader.Read());
    entries_[id].schema = std::move(schema);
  }
  return &*entries_[id].schema;
}

Result<SchemaId> SchemaDocument::Reference(std::string_view reference, const SchemaPlace& from, ScopeId scope,
                                           bool dynamic) {
  STRATA_TRY(ResourceIndex::Target target, resources_.Resolve(reference, from.resource));
  if (dynamic && !target.dynamic_anchor.empty()) {
    const auto outermost = scopes_[scope].find(target.dynamic_anchor);
    if (outermost != scopes_[scope].end()) return At(outermost->second, scope);
  }
  if (!target.place.json->is_object() && !target.place.json->is_boolean()) {
    return Fail(ErrorCode::kInvalidArgument, "leads to {}, which is no schema", target.place.json->type_name());
  }
  return At(std::move(target.place), scope);
}

SchemaId SchemaDocument::RecursiveReference(const SchemaPlace& from, ScopeId scope) {
  const SchemaResource& resource = resources_.resource(from.resource);
  const auto outermost = scopes_[scope].find("");
  const bool dynamic = resource.dynamic_anchors.contains("") && outermost != scopes_[scope].end();
  return At(dynamic ? outermost->second : resource.place, scope);
}

namespace {

/// Equal values (2020-12 core, section 4.2.2) have equal texts: 1 and 1.0, and objects in any order.
Result<std::string> CanonicalText(const Json& value, const std::string& pointer, std::uint32_t depth) {
  if (depth > kMaxConstantDepth) return SchemaFail(ErrorCode::kUnsupported, pointer, "nested too deeply");
  if (value.is_number()) {
    STRATA_TRY(const Decimal number, ReadDecimal(value), "{}", pointer);
    return number.ToString();
  }
  std::string text;
  if (value.is_array()) {
    for (const Json& item : value) {
      STRATA_TRY(const std::string part, CanonicalText(item, pointer, depth + 1));
      text += (text.empty() ? "" : ",") + part;
    }
    return "[" + text + "]";
  }
  if (!value.is_object()) return value.dump();
  std::map<std::string, std::string> members;
  for (const auto& [name, member] : value.items()) {
    STRATA_TRY(members[name], CanonicalText(member, pointer, depth + 1));
  }
  for (const auto& [name, member] : members) text += (text.empty() ? "" : ",") + Json(name).dump() + ":" + member;
  return "{" + text + "}";
}

}  // namespace

Result<SchemaId> SchemaDocument::Constant(const Json& value, const std::string& pointer) {
  STRATA_TRY(std::string text, CanonicalText(value, pointer, 0));
  if (const auto it = constants_.find(text); it != constants_.end()) return it->second;
  STRATA_TRY(Schema schema, ReadConstant(*this, value, pointer));
  const SchemaId id = Add(std::move(schema));
  constants_.emplace(std::move(text), id);
  return id;
}

SchemaId SchemaDocument::Constant(const Decimal& number) {
  const auto [it, added] = constants_.try_emplace(number.ToString(), static_cast<SchemaId>(entries_.size()));
  if (added)
    Add({.pointer = "",
         .rules = {{EnumRule{.literals = 0, .strings = {}, .numbers = {number}, .others = {}}, "const"}}});
  return it->second;
}

SchemaId SchemaDocument::List(EnumRule scalars) {
  std::string text = fmt::format("list {}", scalars.literals);
  for (const std::string& word : scalars.strings) text += fmt::format(",{}:{}", word.size(), word);
  for (const Decimal& number : scalars.numbers) text += fmt::format(",#{}", number.ToString());
  const auto [it, added] = constants_.try_emplace(std::move(text), static_cast<SchemaId>(entries_.size()));
  if (added) Add({.pointer = "", .rules = {{std::move(scalars), "enum"}}});
  return it->second;
}

SchemaId SchemaDocument::Union(std::vector<SchemaId> schemas) {
  const auto [it, added] = unions_.try_emplace(schemas, static_cast<SchemaId>(entries_.size()));
  if (added) Add({.pointer = "", .rules = {{AnyOfRule{std::move(schemas)}, "anyOf"}}});
  return it->second;
}

}  // namespace strata::grammar
