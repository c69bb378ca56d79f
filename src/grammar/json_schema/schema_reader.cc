#include "grammar/json_schema/schema_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace strata::grammar {
namespace {

/// A whole number, however it is spelled; counts beyond 32 bits are as good as the largest.
std::optional<std::uint32_t> WholeNumber(const Json& value) {
  constexpr std::uint32_t kLargest = kUnbounded - 1;
  if (value.is_number_unsigned()) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value.get<std::uint64_t>(), kLargest));
  }
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= 0) || number != std::floor(number)) return std::nullopt;
  return number >= kLargest ? kLargest : static_cast<std::uint32_t>(number);
}

/// The parser has rounded whole numbers of more than 64 bits.
bool IsRounded(const Json& value) { return value.is_number_float() && std::abs(value.get<double>()) >= 0x1p63; }

Status AddConstant(SchemaDocument& document, const Json& value, const std::string& pointer, EnumRule& rule) {
  if (value.is_null()) {
    rule.literals |= kNullKind;
  } else if (value.is_boolean()) {
    rule.literals |= value.get<bool>() ? kTrueKind : kFalseKind;
  } else if (value.is_string()) {
    rule.strings.push_back(value.get<std::string>());
  } else if (value.is_number()) {
    if (IsRounded(value)) return SchemaFail(ErrorCode::kUnsupported, pointer, "numbers beyond 64 bits");
    STRATA_TRY(Decimal number, ReadDecimal(value), "{}", pointer);
    rule.numbers.push_back(std::move(number));
  } else {
    STRATA_TRY(const SchemaId id, document.Constant(value, pointer));
    rule.others.push_back(id);
  }
  return {};
}

}  // namespace

Result<Decimal> ReadDecimal(const Json& number) {
  return number.is_number_float() ? Decimal::Of(number.get<double>()) : Decimal::Parse(number.dump());
}

Result<Schema> ReadConstant(SchemaDocument& document, const Json& value, const std::string& pointer) {
  Schema schema{.pointer = pointer, .rules = {}};
  const auto emit = [&schema](Rule::Value rule) { schema.rules.push_back({std::move(rule), "const"}); };
  if (value.is_array()) {
    emit(TypeRule{.kinds = kArrayKind});
    const auto count = static_cast<std::uint32_t>(value.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      STRATA_TRY(const SchemaId item, document.Constant(value[i], pointer));
      emit(ItemsRule{.from = i, .to = i + 1, .schema = item});
    }
    emit(ItemCountRule{.min = count, .max = count});
  } else if (value.is_object()) {
    emit(TypeRule{.kinds = kObjectKind});
    PropertiesRule properties;
    RequiredRule required;
    for (const auto& [name, member] : value.items()) {
      STRATA_TRY(const SchemaId id, document.Constant(member, pointer));
      properties.properties.emplace_back(name, id);
      required.names.push_back(name);
    }
    emit(AdditionalPropertiesRule{.names = required.names, .patterns = {}, .schema = kFalseSchema});
    emit(std::move(properties));
    emit(std::move(required));
  } else {
    EnumRule rule;
    STRATA_CHECK(AddConstant(document, value, pointer, rule));
    emit(std::move(rule));
  }
  return schema;
}

const SchemaReader::Keyword SchemaReader::kKeywords[] = {
    {"$ref", &SchemaReader::Ref},
    {"$dynamicRef", &SchemaReader::DynamicRef},
    {"$recursiveRef", &SchemaReader::RecursiveRef},
    {"type", &SchemaReader::Type},
    {"enum", &SchemaReader::Enum},
    {"const", &SchemaReader::Const},
    {"pattern", &SchemaReader::Pattern},
    {"minLength", &SchemaReader::MinLength},
    {"maxLength", &SchemaReader::MaxLength},
    {"format", &SchemaReader::Format},
    {"minimum", &SchemaReader::Minimum},
    {"maximum", &SchemaReader::Maximum},
    {"exclusiveMinimum", &SchemaReader::ExclusiveMinimum},
    {"exclusiveMaximum", &SchemaReader::ExclusiveMaximum},
    {"multipleOf", &SchemaReader::MultipleOf},
    {"items", &SchemaReader::Items},
    {"prefixItems", &SchemaReader::PrefixItems},
    {"additionalItems", &SchemaReader::AdditionalItems},
    {"minItems", &SchemaReader::MinItems},
    {"maxItems", &SchemaReader::MaxItems},
    {"uniqueItems", &SchemaReader::UniqueItems},
    {"contains", &SchemaReader::Contains},
    {"unevaluatedItems", &SchemaReader::UnevaluatedItems},
    {"properties", &SchemaReader::Properties},
    {"patternProperties", &SchemaReader::PatternProperties},
    {"additionalProperties", &SchemaReader::AdditionalProperties},
    {"propertyNames", &SchemaReader::PropertyNames},
    {"required", &SchemaReader::Required},
    {"minProperties", &SchemaReader::MinProperties},
    {"maxProperties", &SchemaReader::MaxProperties},
    {"dependentRequired", &SchemaReader::DependentRequired},
    {"dependentSchemas", &SchemaReader::DependentSchemas},
    {"dependencies", &SchemaReader::DependentSchemas},
    {"unevaluatedProperties", &SchemaReader::UnevaluatedProperties},
    {"allOf", &SchemaReader::AllOf},
    {"anyOf", &SchemaReader::AnyOf},
    {"oneOf", &SchemaReader::OneOf},
    {"not", &SchemaReader::Not},
    {"if", &SchemaReader::If},
    {"divisibleBy", &SchemaReader::DraftThree},
    {"disallow", &SchemaReader::DraftThree},
    {"extends", &SchemaReader::DraftThree},
};

SchemaReader::SchemaReader(SchemaDocument& document, const SchemaPlace& place, ScopeId scope)
    : document_(document),
      place_(place),
      json_(*place.json),
      scope_(scope),
      draft_(document.resources_.resource(place.resource).draft) {
  schema_.pointer = place.pointer;
}

const SchemaReader::Keyword* SchemaReader::Find(std::string_view name) {
  static const std::unordered_map<std::string_view, const Keyword*> kByName = [] {
    std::unordered_map<std::string_view, const Keyword*> by_name;
    for (const Keyword& keyword : kKeywords) by_name.emplace(keyword.name, &keyword);
    return by_name;
  }();
  const auto it = kByName.find(name);
  return it == kByName.end() ? nullptr : it->second;
}

bool SchemaReader::IsKeyword(std::string_view name) { return Find(name) != nullptr; }

bool SchemaReader::IsLeafKeyword(std::string_view name) {
  static const std::unordered_set<std::string_view> kLeaves = {
      "type",        "enum",     "const",    "pattern",          "minLength",        "maxLength",        "format",
      "minimum",     "maximum",  "nullable", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",       "minItems",
      "uniqueItems", "maxItems", "required", "minProperties",    "maxProperties",    "dependentRequired"};
  return kLeaves.contains(name);
}

Result<Schema> SchemaReader::Read() {
  const bool only_ref = draft_ <= Draft::kDraft7 && json_.contains("$ref");
  for (const auto& [name, value] : json_.items()) {
    const Keyword* keyword = Find(name);
    if (keyword == nullptr || (only_ref && keyword->name != "$ref")) continue;
    keyword_ = keyword->name;
    STRATA_CHECK((this->*keyword->read)(value));
  }
  return std::move(schema_);
}

const Json* SchemaReader::Sibling(std::string_view name) const {
  const auto it = json_.find(name);
  return it == json_.end() ? nullptr : &*it;
}

Result<SchemaId> SchemaReader::Child(const Json& value, const std::string& pointer) {
  if (!value.is_object() && !value.is_boolean()) {
    return SchemaFail(ErrorCode::kInvalidArgument, pointer, "must be a schema, not {}", value.type_name());
  }
  return document_.At({.json = &value, .resource = place_.resource, .pointer = pointer}, scope_);
}

Result<std::vector<SchemaId>> SchemaReader::Children(const Json& value) {
  if (!value.is_array() || value.empty()) {
    return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a list of schemas that is not empty");
  }
  std::vector<SchemaId> children;
  for (std::size_t i = 0; i < value.size(); ++i) {
    STRATA_TRY(children.emplace_back(), Child(value[i], fmt::format("{}/{}", Here(), i)));
  }
  return children;
}

Result<std::uint32_t> SchemaReader::Count(const Json& value) {
  const auto count = WholeNumber(value);
  if (!count) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a whole number, not negative");
  return *count;
}

Result<std::vector<std::string>> SchemaReader::Names(const Json& value, const std::string& pointer) {
  std::vector<std::string> names;
  if (value.is_array()) {
    for (const Json& name : value) {
      if (name.is_string()) names.push_back(name.get<std::string>());
    }
  }
  if (!value.is_array() || names.size() != value.size()) {
    return SchemaFail(ErrorCode::kInvalidArgument, pointer, "must be a list of strings");
  }
  return names;
}

Status SchemaReader::Type(const Json& value) {
  TypeRule rule{.kinds = 0};
  bool number = false;
  const auto add = [&](const Json& type) -> Status {
    const std::string name = type.is_string() ? type.get<std::string>() : type.dump();
    if (name == "null") {
      rule.kinds |= kNullKind;
    } else if (name == "boolean") {
      rule.kinds |= kTrueKind | kFalseKind;
    } else if (name == "string") {
      rule.kinds |= kStringKind;
    } else if (name == "number") {
      rule.kinds |= kNumberKind;
      number = true;
    } else if (name == "integer") {
      rule.kinds |= kNumberKind;
      rule.integer = true;
    } else if (name == "array") {
      rule.kinds |= kArrayKind;
    } else if (name == "object") {
      rule.kinds |= kObjectKind;
    } else {
      return SchemaFail(ErrorCode::kInvalidArgument, Here(), "{} is no type of JSON", name.substr(0, 100));
    }
    return {};
  };
  if (value.is_array()) {
    for (const Json& type : value) STRATA_CHECK(add(type));
  } else {
    STRATA_CHECK(add(value));
  }
  if (number) rule.integer = false;
  // OpenAPI 3.0's way to say it.
  const Json* nullable = Sibling("nullable");
  if (draft_ == Draft::kUnsaid && nullable != nullptr && nullable->is_boolean() && nullable->get<bool>()) {
    rule.kinds |= kNullKind;
  }
  Emit(rule);
  return {};
}

Status SchemaReader::Enum(const Json& value) {
  if (!value.is_array()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a list");
  EnumRule rule;
  for (std::size_t i = 0; i < value.size(); ++i) {
    STRATA_CHECK(AddConstant(document_, value[i], fmt::format("{}/{}", Here(), i), rule));
  }
  Emit(std::move(rule));
  return {};
}

Status SchemaReader::Const(const Json& value) {
  EnumRule rule;
  STRATA_CHECK(AddConstant(document_, value, Here(), rule));
  Emit(std::move(rule));
  return {};
}

Status SchemaReader::Pattern(const Json& value) {
  if (!value.is_string()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a string");
  Emit(PatternRule{value.get<std::string>()});
  return {};
}

Status SchemaReader::MinLength(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  if (count > 0) Emit(LengthRule{.min = count});
  return {};
}

Status SchemaReader::MaxLength(const Json& value) {
  STRATA_TRY(const std::uint32_t count, Count(value));
  Emit(LengthRule{.min = 0, .max = count});
  return {};
}

Status SchemaReader::Format(const Json& value) {
  if (!value.is_string()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a string");
  Emit(FormatRule{value.get<std::string>()});
  return {};
}

Status SchemaReader::Bound(const Json& value, bool lower, bool exclusive) {
  if (!value.is_number()) return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a number");
  STRATA_TRY(const Decimal bound, ReadDecimal(value), "{}", Here());
  BoundRule rule{.inner = bound, .outer = bound, .lower = lower, .exclusive = exclusive};
  if (IsRounded(value)) {
    constexpr double kMost = std::numeric_limits<double>::max();
    const auto rounded = value.get<double>();
    rule.inner = Decimal::Of(std::nextafter(rounded, lower ? kMost : -kMost));
    rule.outer = Decimal::Of(std::nextafter(rounded, lower ? -kMost : kMost));
  }
  Emit(std::move(rule));
  return {};
}

Status SchemaReader::Minimum(const Json& value) {
  const Json* exclusive = Sibling("exclusiveMinimum");
  return Bound(value, true, exclusive != nullptr && exclusive->is_boolean() && exclusive->get<bool>());
}

Status SchemaReader::Maximum(const Json& value) {
  const Json* exclusive = Sibling("exclusiveMaximum");
  return Bound(value, false, exclusive != nullptr && exclusive->is_boolean() && exclusive->get<bool>());
}

Status SchemaReader::ExclusiveMinimum(const Json& value) {
  return value.is_boolean() ? Status() : Bound(value, true, true);
}

Status SchemaReader::ExclusiveMaximum(const Json& value) {
  return value.is_boolean() ? Status() : Bound(value, false, true);
}

Status SchemaReader::MultipleOf(const Json& value) {
  if (!value.is_number() || value.get<double>() <= 0) {
    return SchemaFail(ErrorCode::kInvalidArgument, Here(), "must be a number above 0");
  }
  if (IsRounded(value)) return SchemaFail(ErrorCode::kUnsupported, Here(), "numbers beyond 64 bits");
  STRATA_TRY(Decimal divisor, ReadDecimal(value), "{}", Here());
  Emit(MultipleRule{.divisor = std::move(divisor), .floating = value.is_number_float()});
  return {};
}

}  // namespace strata::grammar
