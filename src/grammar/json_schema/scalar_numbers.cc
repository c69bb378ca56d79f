// The numbers of ScalarSets.
#include <cstddef>
#include <vector>

#include "base/json_pointer.h"
#include "grammar/double_reading.h"
#include "grammar/json_schema/scalar_sets.h"
#include "grammar/json_schema/schema_reader.h"
#include "grammar/numbers.h"

namespace strata::grammar {
namespace {

/// Of so many numbers, what is beside each is held digit for digit (some 200 expressions a number); beside more, only
/// short texts are.
constexpr std::size_t kFewNumbers = 16;

}  // namespace

Result<RegexId> ScalarSets::NumberLeaf(const Schema& schema, const Rule& rule, Domain domain, bool holds) {
  const bool exact = domain == Domain::kExactNumbers;
  const auto within = [&](RegexId universe, RegexId set) {
    return store_.And({universe, holds ? set : store_.Not(set)});
  };
  const RegexId undecided = holds ? RegexStore::kAnything : RegexStore::kNothing;  // by this rule
  const auto told_apart = [&] {  // from whole numbers, and from what schemas list
    return exact ? RegexStore::kAnything : ShortNumber(store_, 0, /*long_integers=*/true);
  };
  return std::visit(
      Overloaded{
          [&](const TypeRule& type) -> Result<RegexId> {  // of numbers, or the verdict would have said
            return type.integer ? within(told_apart(), IntegerValue(store_)) : undecided;
          },
          [&](const EnumRule& values) -> Result<RegexId> {
            std::vector<RegexId> parts;
            if (!exact && !holds && values.numbers.size() <= kFewNumbers) {
              for (const Decimal& number : values.numbers) {
                parts.push_back(store_.Or({SurelyAtMost(store_, number, true), SurelyAtLeast(store_, number, true)}));
              }
              return store_.And(parts);
            }
            for (const Decimal& number : values.numbers) parts.push_back(SurelyEqualTo(store_, number));
            return holds ? store_.Or(parts) : store_.And({told_apart(), store_.Not(store_.Or(parts))});
          },
          [&](const BoundRule& rule_bound) -> Result<RegexId> {
            const Decimal& bound = holds ? rule_bound.inner : rule_bound.outer;
            const bool lower = rule_bound.lower == holds, exclusive = rule_bound.exclusive == holds;
            if (exact) return lower ? AtLeast(store_, bound, exclusive) : AtMost(store_, bound, exclusive);
            return lower ? SurelyAtLeast(store_, bound, exclusive) : SurelyAtMost(store_, bound, exclusive);
          },
          [&](const MultipleRule& multiple) -> Result<RegexId> {
            auto regex = grammar::MultipleOf(store_, multiple.divisor);
            if (!regex) {
              return SchemaFail(regex.error().code(), schema.pointer + PointerToken(rule.keyword), "{}",
                                regex.error().message());
            }
            if (!multiple.floating) return within(told_apart(), *regex);
            // Readers divide doubles by a double. The quotient of what is no multiple must not round to an integer,
            // which takes digits down to the divisor's last place.
            const auto places = static_cast<std::uint32_t>(holds ? 0 : multiple.divisor.FractionDigits().size());
            return within(ShortNumber(store_, places, /*long_integers=*/false), *regex);
          },
          [&](const auto&) -> Result<RegexId> { return undecided; },
      },
      rule.value);
}

Result<RegexId> ScalarSets::Numbers(std::span<const Literal> literals) {
  bool integers = false;
  for (const Literal& literal : literals) {
    if (!literal.positive) continue;
    STRATA_TRY(const bool asks, AsksForInteger(literal.schema));
    integers = integers || asks;
  }
  const Domain domain = integers ? Domain::kExactNumbers : Domain::kNumbers;
  std::vector<RegexId> sets;
  for (const Literal& literal : literals) {
    STRATA_TRY(sets.emplace_back(), SetOf(literal.schema, domain, literal.positive));
  }
  const RegexId allowed = store_.And(sets);
  if (allowed == RegexStore::kAnything) return AnyNumber(store_);
  const RegexId numbers = store_.And({integers ? IntegerText(store_) : PlainNumber(store_), allowed});
  return store_.IsNothing(numbers) ? RegexStore::kNothing : numbers;
}

}  // namespace strata::grammar
