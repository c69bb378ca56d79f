#include "grammar/json_schema/scalar_sets.h"

#include <algorithm>
#include <array>

#include "base/json_pointer.h"
#include "grammar/formats.h"
#include "grammar/json_schema/schema_reader.h"
#include "grammar/pattern.h"

namespace strata::grammar {
namespace {

/// Schemas applied in place within schemas applied in place, by recursion.
constexpr std::uint32_t kMaxDepth = 512;

}  // namespace

template <class T, class Compute>
Result<T> ScalarSets::Remember(Memo<T>& memo, SchemaId id, Compute compute) {
  if (const auto it = memo.known.find(id); it != memo.known.end() && it->second) return *it->second;
  STRATA_TRY(const Schema* schema, document_.Get(id));
  if (memo.known.contains(id)) {
    return SchemaFail(ErrorCode::kInvalidArgument, schema->pointer, "refers to itself without end");
  }
  if (depth_ >= kMaxDepth) {
    return SchemaFail(ErrorCode::kUnsupported, schema->pointer, "too complex: references more than {} deep", kMaxDepth);
  }
  memo.known.emplace(id, std::nullopt);
  ++depth_;
  Result<T> result = compute(*schema);
  --depth_;
  if (result) {
    memo.known[id] = *result;
  } else {
    memo.known.erase(id);
  }
  return result;
}

Result<Verdict> ScalarSets::JudgeRule(const Rule& rule) {
  const auto leaf = [&rule](const auto&) -> Result<Verdict> {
    return Verdict{.none = 0, .all = static_cast<Kinds>(kAllKinds & ~KindsOf(rule))};
  };
  const auto any_of = [this](std::span<const SchemaId> schemas) -> Result<Verdict> {
    Verdict verdict{.none = kAllKinds, .all = 0};
    for (const SchemaId id : schemas) {
      STRATA_TRY(const Verdict part, Judge(id));
      verdict.none &= part.none;
      verdict.all |= part.all;
    }
    return verdict;
  };
  return std::visit(
      Overloaded{
          [](const TypeRule& type) -> Result<Verdict> {
            return Verdict{.none = static_cast<Kinds>(kAllKinds & ~type.kinds),
                           .all = static_cast<Kinds>(type.kinds & ~(type.integer ? kNumberKind : 0))};
          },
          [&](const EnumRule& values) -> Result<Verdict> {
            STRATA_TRY(Verdict verdict, any_of(values.others));
            verdict.none &= static_cast<Kinds>(~(values.literals | (values.strings.empty() ? 0 : kStringKind) |
                                                 (values.numbers.empty() ? 0 : kNumberKind)));
            verdict.all = values.literals;
            return verdict;
          },
          [this](const AllOfRule& all) -> Result<Verdict> {
            Verdict verdict{.none = 0, .all = kAllKinds};
            for (const SchemaId id : all.schemas) {
              STRATA_TRY(const Verdict part, Judge(id));
              verdict.none |= part.none;
              verdict.all &= part.all;
            }
            return verdict;
          },
          [&](const AnyOfRule& any) { return any_of(any.schemas); },
          [this](const OneOfRule& one) -> Result<Verdict> {
            Kinds always_once = 0, always_more = 0, possible = 0;
            Kinds undecided = 0;
            for (const SchemaId id : one.schemas) {
              STRATA_TRY(const Verdict part, Judge(id));
              always_more |= always_once & part.all;
              always_once |= part.all;
              possible |= static_cast<Kinds>(~part.none);
              undecided |= static_cast<Kinds>(~(part.none | part.all));
            }
            return Verdict{.none = static_cast<Kinds>((~possible | always_more) & kAllKinds),
                           .all = static_cast<Kinds>(always_once & ~always_more & ~undecided)};
          },
          [this](const NotRule& negation) -> Result<Verdict> { return Judge(Literal{negation.schema, false}); },
          [this](const ConditionalRule& rule) -> Result<Verdict> {
            STRATA_TRY(const Verdict condition, Judge(rule.condition));
            STRATA_TRY(const Verdict then, Judge(rule.then));
            STRATA_TRY(const Verdict otherwise, Judge(rule.otherwise));
            const auto decide = [&condition](Kinds if_true, Kinds if_false) {
              return static_cast<Kinds>((condition.all & if_true) | (condition.none & if_false) | (if_true & if_false));
            };
            return Verdict{.none = decide(then.none, otherwise.none), .all = decide(then.all, otherwise.all)};
          },
          leaf,
      },
      rule.value);
}

Result<Verdict> ScalarSets::Judge(SchemaId id) {
  return Remember(verdicts_, id, [this](const Schema& schema) -> Result<Verdict> {
    Verdict verdict{.none = 0, .all = kAllKinds};
    for (const Rule& rule : schema.rules) {
      STRATA_TRY(const Verdict part, JudgeRule(rule));
      verdict.none |= part.none;
      verdict.all &= part.all;
    }
    verdict.all &= static_cast<Kinds>(~verdict.none);
    return verdict;
  });
}

Result<Verdict> ScalarSets::Judge(Literal literal) {
  STRATA_TRY(Verdict verdict, Judge(literal.schema));
  if (!literal.positive) std::swap(verdict.none, verdict.all);
  return verdict;
}

Result<Verdict> ScalarSets::Judge(std::span<const Literal> literals) {
  Verdict verdict{.none = 0, .all = kAllKinds};
  for (const Literal& literal : literals) {
    STRATA_TRY(const Verdict part, Judge(literal));
    verdict.none |= part.none;
    verdict.all &= part.all;
  }
  return verdict;
}

Result<RegexId> ScalarSets::Pattern(const std::string& pattern, const std::string& pointer, PatternReading reading) {
  if (const auto it = patterns_.find({pattern, reading}); it != patterns_.end()) return it->second;
  auto regex = ParsePattern(store_, pattern, Anchoring::kSearch, reading);
  if (!regex) return SchemaFail(regex.error().code(), pointer, "{}", regex.error().message());
  patterns_.emplace(std::pair(pattern, reading), *regex);
  return *regex;
}

Result<RegexId> ScalarSets::StringLeaf(const Schema& schema, const Rule& rule, Domain domain) {
  const PatternReading reading = domain == Domain::kWideStrings ? PatternReading::kWide : PatternReading::kNarrow;
  const auto here = [&] { return schema.pointer + PointerToken(rule.keyword); };
  return std::visit(Overloaded{
                        [](const TypeRule& type) -> Result<RegexId> {
                          return (type.kinds & kStringKind) == 0 ? RegexStore::kNothing : RegexStore::kAnything;
                        },
                        [&](const EnumRule& values) -> Result<RegexId> {
                          return values.strings.empty() ? RegexStore::kNothing : Words(values.strings);
                        },
                        [&](const PatternRule& pattern) { return Pattern(pattern.pattern, here(), reading); },
                        [&](const LengthRule& length) -> Result<RegexId> {
                          if (length.min > length.max) return RegexStore::kNothing;
                          return store_.Repeat(store_.Set(CharSet::All()), length.min, length.max);
                        },
                        [&](const FormatRule& format) -> Result<RegexId> {
                          if (const auto regex = FormatRegex(store_, format.format)) return *regex;
                          if (!IsDefinedButNotHeld(format.format)) return RegexStore::kAnything;
                          return SchemaFail(ErrorCode::kUnsupported, here(), "the format {} cannot be held",
                                            format.format.substr(0, 100));
                        },
                        [](const auto&) -> Result<RegexId> { return RegexStore::kAnything; },
                    },
                    rule.value);
}

Result<RegexId> ScalarSets::ExactlyOne(std::span<const SchemaId> schemas, Domain domain, bool holds) {
  std::vector<RegexId> in, out;
  for (const SchemaId id : schemas) {
    STRATA_TRY(in.emplace_back(), SetOf(id, domain, true));
    STRATA_TRY(out.emplace_back(), SetOf(id, domain, false));
  }
  if (in.size() - static_cast<std::size_t>(std::ranges::count(in, RegexStore::kNothing)) > 1) {
    for (const SchemaId id : schemas) STRATA_CHECK(CheckComplement(id));
  }
  std::vector<RegexId> alternatives;
  if (holds) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] == RegexStore::kNothing) continue;
      std::vector<RegexId> only = out;
      only[i] = in[i];
      alternatives.push_back(store_.And(only));
    }
  } else {
    alternatives.push_back(store_.And(out));
    for (RegexId later = RegexStore::kNothing; !in.empty(); in.pop_back()) {
      alternatives.push_back(store_.And({in.back(), later}));
      later = store_.Or({later, in.back()});
    }
  }
  return store_.Or(alternatives);
}

Result<RegexId> ScalarSets::SetOf(const Schema& schema, const Rule& rule, Domain domain, bool holds) {
  const bool strings = IsOfStrings(domain);
  if ((KindsOf(rule) & (strings ? kStringKind : kNumberKind)) == 0) {
    return holds ? RegexStore::kAnything : RegexStore::kNothing;
  }
  // What does not satisfy all fails one, and so on down to the rules about texts themselves.
  const auto combine = [&](std::span<const SchemaId> schemas, bool every) -> Result<RegexId> {
    std::vector<RegexId> sets;
    for (const SchemaId id : schemas) {
      STRATA_TRY(sets.emplace_back(), SetOf(id, domain, holds));
    }
    return every ? store_.And(sets) : store_.Or(sets);
  };
  return std::visit(Overloaded{
                        [&](const AllOfRule& all) { return combine(all.schemas, holds); },
                        [&](const AnyOfRule& any) { return combine(any.schemas, !holds); },
                        [&](const OneOfRule& one) { return ExactlyOne(one.schemas, domain, holds); },
                        [&](const NotRule& negation) -> Result<RegexId> {
                          STRATA_CHECK(CheckComplement(negation.schema));
                          return SetOf(negation.schema, domain, !holds);
                        },
                        [&](const ConditionalRule& conditional) -> Result<RegexId> {
                          STRATA_CHECK(CheckComplement(conditional.condition));
                          STRATA_TRY(const RegexId condition, SetOf(conditional.condition, domain, true));
                          STRATA_TRY(const RegexId no_condition, SetOf(conditional.condition, domain, false));
                          STRATA_TRY(const RegexId then, SetOf(conditional.then, domain, holds));
                          STRATA_TRY(const RegexId otherwise, SetOf(conditional.otherwise, domain, holds));
                          return store_.Or({store_.And({condition, then}), store_.And({no_condition, otherwise})});
                        },
                        [&](const auto&) {
                          return strings ? StringLeaf(schema, rule, domain) : NumberLeaf(schema, rule, domain, holds);
                        },
                    },
                    rule.value);
}

Result<RegexId> ScalarSets::SetOf(SchemaId id, Domain domain, bool holds) {
  if (IsOfStrings(domain) && !holds) {
    STRATA_TRY(const RegexId set,
               SetOf(id, domain == Domain::kStrings ? Domain::kWideStrings : Domain::kStrings, true));
    return store_.Not(set);
  }
  // A kind that is decided needs no look at the rules, some of which may not be regular.
  const Kinds kind = IsOfStrings(domain) ? kStringKind : kNumberKind;
  STRATA_TRY(const Verdict verdict, Judge(Literal{id, holds}));
  if ((verdict.none & kind) != 0) return RegexStore::kNothing;
  if ((verdict.all & kind) != 0) return RegexStore::kAnything;
  Memo<RegexId>& memo = sets_[static_cast<std::size_t>(domain)][holds ? 1 : 0];
  return Remember(memo, id, [this, domain, holds](const Schema& schema) -> Result<RegexId> {
    std::vector<RegexId> sets;
    for (const Rule& rule : schema.rules) {
      STRATA_TRY(sets.emplace_back(), SetOf(schema, rule, domain, holds));
    }
    return holds ? store_.And(sets) : store_.Or(sets);
  });
}

Result<RegexId> ScalarSets::Strings(std::span<const Literal> literals) {
  std::vector<RegexId> sets;
  for (const Literal& literal : literals) {
    STRATA_TRY(sets.emplace_back(), SetOf(literal.schema, Domain::kStrings, literal.positive));
    if (!literal.positive && sets.back() != RegexStore::kAnything) STRATA_CHECK(CheckComplement(literal.schema));
  }
  if (sets.empty()) return RegexStore::kAnything;
  const RegexId strings = store_.And(sets);
  return store_.IsNothing(strings) ? RegexStore::kNothing : strings;
}

RegexId ScalarSets::Words(const std::vector<std::string>& words) {
  const auto [it, added] = words_.try_emplace(words, RegexStore::kNothing);
  if (added) it->second = store_.OneOf(words);
  return it->second;
}

Result<std::optional<EnumRule>> ScalarSets::Filter(std::span<const Literal> literals) {
  const EnumRule* list = nullptr;
  for (const Literal& literal : literals) {
    if (!literal.positive) continue;
    STRATA_TRY(const Schema* schema, document_.Get(literal.schema));
    for (const Rule& rule : schema->rules) {
      const auto* values = std::get_if<EnumRule>(&rule.value);
      if (values == nullptr || !values->others.empty()) continue;
      if (list == nullptr || values->strings.size() < list->strings.size()) list = values;
    }
  }
  if (list == nullptr) return std::nullopt;
  EnumRule left;
  STRATA_TRY(const Verdict verdict, Judge(literals));
  left.literals = static_cast<Kinds>(list->literals & ~verdict.none);
  const auto satisfies_all = [&](const std::string& text, Domain domain) -> Result<bool> {
    for (const Literal& literal : literals) {
      if (!literal.positive) STRATA_CHECK(CheckComplement(literal.schema));
      STRATA_TRY(const RegexId set, SetOf(literal.schema, domain, literal.positive));
      if (!store_.Matches(set, text)) return false;
    }
    return true;
  };
  for (const std::string& text : list->strings) {
    STRATA_TRY(const bool satisfies, satisfies_all(text, Domain::kStrings));
    if (satisfies) left.strings.push_back(text);
  }
  for (const Decimal& number : list->numbers) {
    STRATA_TRY(const bool satisfies, satisfies_all(number.ToString(), Domain::kExactNumbers));
    if (satisfies) left.numbers.push_back(number);
  }
  if (left.numbers.empty()) return left;
  for (const Literal& literal : literals) {
    STRATA_TRY(const bool asks, AsksForInteger(literal.schema));
    if (literal.positive && asks) return std::nullopt;
  }
  return left;
}

Result<bool> ScalarSets::AsksForInteger(SchemaId id) {
  return Remember(integers_, id, [this](const Schema& schema) -> Result<bool> {
    const auto every = [this](std::span<const SchemaId> schemas) -> Result<bool> {
      for (const SchemaId part : schemas) {
        STRATA_TRY(const Verdict verdict, Judge(part));
        if ((verdict.none & kNumberKind) != 0) continue;
        STRATA_TRY(const bool asks, AsksForInteger(part));
        if (!asks) return false;
      }
      return true;
    };
    for (const Rule& rule : schema.rules) {
      bool asks = false;
      if (const auto* type = std::get_if<TypeRule>(&rule.value)) {
        asks = type->integer;
      } else if (const auto* all = std::get_if<AllOfRule>(&rule.value)) {
        for (const SchemaId part : all->schemas) {
          STRATA_TRY(const bool one, AsksForInteger(part));
          asks = asks || one;
        }
      } else if (const auto* any = std::get_if<AnyOfRule>(&rule.value)) {
        STRATA_TRY(asks, every(any->schemas));
      } else if (const auto* one = std::get_if<OneOfRule>(&rule.value)) {
        STRATA_TRY(asks, every(one->schemas));
      }
      if (asks) return true;
    }
    return false;
  });
}

Status ScalarSets::CheckComplement(SchemaId id) {
  STRATA_TRY(const bool narrowed, IsNarrowed(id));
  if (!narrowed) return {};
  STRATA_TRY(const Schema* schema, document_.Get(id));
  return SchemaFail(ErrorCode::kUnsupported, schema->pointer, "a format cannot be held where it is negated");
}

Result<bool> ScalarSets::IsNarrowed(SchemaId id) {
  return Remember(narrowed_, id, [this](const Schema& schema) -> Result<bool> {
    const auto any = [this](std::span<const SchemaId> schemas) -> Result<bool> {
      for (const SchemaId part : schemas) {
        STRATA_TRY(const bool narrowed, IsNarrowed(part));
        if (narrowed) return true;
      }
      return false;
    };
    for (const Rule& rule : schema.rules) {
      STRATA_TRY(const bool narrowed,
                 std::visit(Overloaded{[&](const FormatRule& format) -> Result<bool> {
                                         return FormatRegex(store_, format.format) && !IsHeldExactly(format.format);
                                       },
                                       [&](const AllOfRule& all) { return any(all.schemas); },
                                       [&](const AnyOfRule& some) { return any(some.schemas); },
                                       [&](const OneOfRule& one) { return any(one.schemas); },
                                       [&](const NotRule& negation) { return any(std::array{negation.schema}); },
                                       [&](const ConditionalRule& rule_if) {
                                         return any(std::array{rule_if.condition, rule_if.then, rule_if.otherwise});
                                       },
                                       [](const auto&) -> Result<bool> { return false; }},
                            rule.value));
      if (narrowed) return true;
    }
    return false;
  });
}

}  // namespace strata::grammar
