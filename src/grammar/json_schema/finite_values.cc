#include "grammar/json_schema/finite_values.h"

#include <array>
#include <utility>

namespace strata::grammar {
namespace {

using Listed = std::optional<std::vector<SchemaId>>;

/// References to references that are followed in search of a list.
constexpr std::uint32_t kMaxDepth = 32;

class Lister {
 public:
  Lister(SchemaDocument& document, std::size_t limit) : document_(document), limit_(limit) {}

  Result<Listed> List(SchemaId id, std::uint32_t depth) {
    if (depth > kMaxDepth) return Listed();
    STRATA_TRY(const Schema* schema, document_.Get(id));
    Listed shortest;
    for (const Rule& rule : schema->rules) {
      STRATA_TRY(Listed listed, List(rule, depth));
      if (listed && (!shortest || listed->size() < shortest->size())) shortest = std::move(listed);
    }
    if (shortest && shortest->size() > limit_) shortest.reset();
    return shortest;
  }

 private:
  Result<Listed> List(const Rule& rule, std::uint32_t depth) {
    if (const auto* type = std::get_if<TypeRule>(&rule.value)) {
      if ((type->kinds & ~kLiteralKinds) != 0) return Listed();
      return Literals(type->kinds);
    }
    if (const auto* values = std::get_if<EnumRule>(&rule.value)) return List(*values);
    if (const auto* any = std::get_if<AnyOfRule>(&rule.value)) return Union(any->schemas, depth);
    if (const auto* one = std::get_if<OneOfRule>(&rule.value)) return Union(one->schemas, depth);
    if (const auto* all = std::get_if<AllOfRule>(&rule.value)) {
      for (const SchemaId part : all->schemas) {
        STRATA_TRY(Listed listed, List(part, depth + 1));
        if (listed) return listed;
      }
    }
    return Listed();
  }

  Result<Listed> List(const EnumRule& values) {
    if (values.strings.size() + values.numbers.size() + values.others.size() > limit_) return Listed();
    STRATA_TRY(Listed listed, Literals(values.literals));
    for (const std::string& text : values.strings) {
      STRATA_TRY(listed->emplace_back(), document_.Constant(Json(text), ""));
    }
    for (const Decimal& number : values.numbers) listed->push_back(document_.Constant(number));
    listed->insert(listed->end(), values.others.begin(), values.others.end());
    return listed;
  }

  Result<Listed> Literals(Kinds kinds) {
    Listed listed(std::in_place);
    const std::array<std::pair<Kinds, Json>, 3> literals = {
        {{kNullKind, nullptr}, {kFalseKind, false}, {kTrueKind, true}}};
    for (const auto& [kind, value] : literals) {
      if ((kinds & kind) == 0) continue;
      STRATA_TRY(listed->emplace_back(), document_.Constant(value, ""));
    }
    return listed;
  }

  Result<Listed> Union(std::span<const SchemaId> schemas, std::uint32_t depth) {
    Listed all(std::in_place);
    for (const SchemaId id : schemas) {
      STRATA_TRY(const Listed listed, List(id, depth + 1));
      if (!listed || all->size() + listed->size() > limit_) return Listed();
      all->insert(all->end(), listed->begin(), listed->end());
    }
    return all;
  }

  SchemaDocument& document_;
  std::size_t limit_;
};

}  // namespace

Result<Listed> ListedValues(SchemaDocument& document, SchemaId id, std::size_t limit) {
  return Lister(document, limit).List(id, 0);
}

}  // namespace strata::grammar
