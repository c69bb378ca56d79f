#include "grammar/json_schema/obligations.h"

#include <algorithm>

#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// References to references to …
constexpr std::size_t kMaxChain = 256;

bool IsNever(const Schema& schema) {
  if (schema.rules.size() != 1) return false;
  const auto* type = std::get_if<TypeRule>(&schema.rules[0].value);
  return type != nullptr && type->kinds == 0;
}

}  // namespace

Obligations::Obligations(SchemaDocument& document, ScalarSets& scalars) : document_(document), scalars_(scalars) {
  sets_.push_back(&ids_.emplace(std::vector<Literal>{}, kAnyValue).first->first);
  // Its key only has to differ from every set that Make builds.
  sets_.push_back(&ids_.emplace(std::vector<Literal>{{kFalseSchema, true}}, kNoValue).first->first);
}

Result<bool> Obligations::Flatten(Literal literal, std::vector<SchemaId>& path, std::vector<Literal>& out) {
  STRATA_TRY(const Schema* schema, document_.Get(literal.schema));
  if (std::ranges::find(path, literal.schema) != path.end()) {
    return SchemaFail(ErrorCode::kInvalidArgument, schema->pointer, "refers to itself without end");
  }
  if (path.size() >= kMaxChain) {
    return SchemaFail(ErrorCode::kUnsupported, schema->pointer, "too complex: references more than {} deep", kMaxChain);
  }
  if (schema->rules.empty()) return literal.positive;
  if (IsNever(*schema)) return !literal.positive;
  std::vector<SchemaId> parts;
  bool positive = literal.positive;
  if (schema->rules.size() == 1) {
    const Rule::Value& rule = schema->rules[0].value;
    if (const auto* all = std::get_if<AllOfRule>(&rule); all != nullptr && (positive || all->schemas.size() == 1)) {
      parts = all->schemas;
    } else if (const auto* negation = std::get_if<NotRule>(&rule)) {
      parts = {negation->schema};
      positive = !positive;
    }
  }
  if (parts.empty()) {
    out.push_back(literal);
    return true;
  }
  path.push_back(literal.schema);
  for (const SchemaId part : parts) {
    STRATA_TRY(const bool possible, Flatten({part, positive}, path, out));
    if (!possible) return false;
  }
  path.pop_back();
  return true;
}

Result<ObligationId> Obligations::Make(std::span<const Literal> literals) {
  std::vector<Literal> set;
  for (const Literal& literal : literals) {
    std::vector<SchemaId> path;
    STRATA_TRY(const bool possible, Flatten(literal, path, set));
    if (!possible) return kNoValue;
  }
  std::ranges::sort(set);
  set.erase(std::ranges::unique(set).begin(), set.end());
  for (std::size_t i = 1; i < set.size(); ++i) {
    if (set[i].schema == set[i - 1].schema) return kNoValue;
  }
  if (const auto it = ids_.find(set); it != ids_.end()) return it->second;
  // What cannot be told here will be told where the scalars are asked for.
  const auto list = set.size() > 1 ? AsList(set) : Result<std::optional<SchemaId>>(std::nullopt);
  ObligationId id = kNoValue;
  if (list && *list) {
    if (**list != kFalseSchema) {
      STRATA_TRY(id, Intern({{**list, true}}));
    }
    ids_.emplace(std::move(set), id);
    return id;
  }
  return Intern(std::move(set));
}

Result<ObligationId> Obligations::Intern(std::vector<Literal> set) {
  const auto [it, added] = ids_.try_emplace(std::move(set), static_cast<ObligationId>(sets_.size()));
  if (!added) return it->second;
  if (sets_.size() >= kMaxObligations) {
    return SchemaFail(ErrorCode::kUnsupported, "", "too complex: more than {} combinations of its parts",
                      kMaxObligations);
  }
  sets_.push_back(&it->first);
  return it->second;
}

Result<std::optional<SchemaId>> Obligations::AsList(std::span<const Literal> set) {
  STRATA_TRY(std::optional<EnumRule> values, scalars_.Filter(set));
  if (!values) return std::nullopt;
  if (values->literals == 0 && values->strings.empty() && values->numbers.empty()) return kFalseSchema;
  return document_.List(std::move(*values));
}

Result<ObligationId> Obligations::And(ObligationId a, ObligationId b) {
  if (a == kNoValue || b == kNoValue) return kNoValue;
  if (a == kAnyValue || a == b) return b;
  if (b == kAnyValue) return a;
  std::vector<Literal> both(literals(a).begin(), literals(a).end());
  both.insert(both.end(), literals(b).begin(), literals(b).end());
  return Make(both);
}

}  // namespace strata::grammar
