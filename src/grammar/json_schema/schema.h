// A JSON Schema as a conjunction of rules, each of which says something about some kinds of values and nothing about
// the others: the normal form that intersections and negations work on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "grammar/numbers.h"
#include "grammar/regex.h"

namespace strata::grammar {

using SchemaId = std::uint32_t;

/// A set of kinds of JSON values, true and false apart.
using Kinds = std::uint8_t;
inline constexpr Kinds kNullKind = 1;
inline constexpr Kinds kFalseKind = 2;
inline constexpr Kinds kTrueKind = 4;
inline constexpr Kinds kNumberKind = 8;
inline constexpr Kinds kStringKind = 16;
inline constexpr Kinds kArrayKind = 32;
inline constexpr Kinds kObjectKind = 64;
inline constexpr Kinds kAllKinds = 127;
inline constexpr Kinds kLiteralKinds = kNullKind | kFalseKind | kTrueKind;

/// The value is of one of these kinds; a number, where `integer`, is whole.
struct TypeRule {
  Kinds kinds = kAllKinds;
  bool integer = false;
};
/// The value is one of these: literals, strings, numbers, or what one of the schemas `others` (arrays and objects)
/// allows.
struct EnumRule {
  Kinds literals = 0;
  std::vector<std::string> strings;
  std::vector<Decimal> numbers;
  std::vector<SchemaId> others;
};

struct PatternRule {
  std::string pattern;
};
struct LengthRule {
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
};
struct FormatRule {
  std::string format;
};

/// What was written is between `inner` and `outer`, which differ where the parser has rounded it, beyond 64 bits.
struct BoundRule {
  Decimal inner;
  Decimal outer;
  bool lower = false;
  bool exclusive = false;
};
struct MultipleRule {
  Decimal divisor;
  bool floating = false;  ///< written as readers read a double: 0.5, 3.0
};

/// The items at the places [from, to) are of the schema.
struct ItemsRule {
  std::uint32_t from = 0;
  std::uint32_t to = kUnbounded;
  SchemaId schema = 0;
};
struct ItemCountRule {
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
};
/// `min` to `max` items are of the schema.
struct ContainsRule {
  SchemaId schema = 0;
  std::uint32_t min = 1;
  std::uint32_t max = kUnbounded;
  bool evaluates = false;  ///< in the sense of unevaluatedItems, since 2020-12
};
struct UniqueItemsRule {};
struct UnevaluatedItemsRule {
  SchemaId schema = 0;
};

struct PropertiesRule {
  std::vector<std::pair<std::string, SchemaId>> properties;
};
struct PatternPropertyRule {
  std::string pattern;
  SchemaId schema = 0;
};
/// Properties whose name is none of `names` and contains no match of one of `patterns`.
struct AdditionalPropertiesRule {
  std::vector<std::string> names;
  std::vector<std::string> patterns;
  SchemaId schema = 0;
};
struct PropertyNamesRule {
  SchemaId schema = 0;
};
struct RequiredRule {
  std::vector<std::string> names;
};
struct PropertyCountRule {
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
};
/// An object with the property is of the schema.
struct DependentRule {
  std::string name;
  SchemaId schema = 0;
};
struct UnevaluatedPropertiesRule {
  SchemaId schema = 0;
};

struct AllOfRule {
  std::vector<SchemaId> schemas;
};
struct AnyOfRule {
  std::vector<SchemaId> schemas;
};
struct OneOfRule {
  std::vector<SchemaId> schemas;
};
struct NotRule {
  SchemaId schema = 0;
};
struct ConditionalRule {
  SchemaId condition = 0;
  SchemaId then = 0;
  SchemaId otherwise = 0;
};

struct Rule {
  using Value =
      std::variant<TypeRule, EnumRule, PatternRule, LengthRule, FormatRule, BoundRule, MultipleRule, ItemsRule,
                   ItemCountRule, ContainsRule, UniqueItemsRule, UnevaluatedItemsRule, PropertiesRule,
                   PatternPropertyRule, AdditionalPropertiesRule, PropertyNamesRule, RequiredRule, PropertyCountRule,
                   DependentRule, UnevaluatedPropertiesRule, AllOfRule, AnyOfRule, OneOfRule, NotRule, ConditionalRule>;
  Value value;
  std::string_view keyword;  ///< of static storage
};

/// Which kinds of values a rule can refuse.
Kinds KindsOf(const Rule& rule);

struct Schema {
  std::string pointer;  ///< where it stands in the document (RFC 6901)
  std::vector<Rule> rules;
};

/// A schema that must hold, or must not.
struct Literal {
  SchemaId schema = 0;
  bool positive = true;
  auto operator<=>(const Literal&) const = default;
};

/// For std::visit over a Rule's value.
template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace strata::grammar
