// BranchSplitter's deterministic half: what a rule adds to a branch without dividing it.
#include <algorithm>
#include <array>

#include "grammar/json_schema/branches.h"

namespace strata::grammar {

template <class Visit>
void BranchSplitter::Collect(Branch& branch, std::int32_t collector, Visit visit) {
  for (std::int32_t i = collector; i != kNoCollector;) {
    Collector& at = branch.collectors[static_cast<std::size_t>(i)];
    visit(at);
    i = at.parent;
  }
}

Result<bool> BranchSplitter::Settle(Branch& branch) {
  while (!branch.certain.empty()) {
    const Task task = branch.certain.back();
    branch.certain.pop_back();
    STRATA_TRY(const bool alive, task.rule == nullptr    ? SettleSchema(branch, task)
                                 : task.literal.positive ? SettleRule(branch, task)
                                                         : SettleNegated(branch, task));
    if (!alive) return false;
  }
  return true;
}

Result<std::vector<const Rule*>> BranchSplitter::Refusing(const Schema& schema) {
  std::vector<const Rule*> rules;
  for (const Rule& rule : schema.rules) {
    STRATA_TRY(const Verdict verdict, expander_.scalars().JudgeRule(rule));
    if ((verdict.all & kind_) == 0) rules.push_back(&rule);
  }
  return rules;
}

Result<bool> BranchSplitter::SettleSchema(Branch& branch, const Task& task) {
  STRATA_TRY(const Verdict verdict, expander_.scalars().Judge(task.literal));
  if ((verdict.none & kind_) != 0) return false;
  if ((verdict.all & kind_) != 0 && task.collector == kNoCollector) return true;
  STRATA_TRY(const Schema* schema, expander_.document().Get(task.literal.schema));
  if (!task.literal.positive) {
    STRATA_TRY(const std::vector<const Rule*> rules, Refusing(*schema));
    if (rules.size() > 1) {
      branch.fresh.push_back({.literal = task.literal});
    } else if (rules.size() == 1) {
      branch.certain.push_back({.literal = task.literal, .rule = rules[0]});
    }
    return !rules.empty();
  }
  std::int32_t collector = task.collector;
  for (const Rule& rule : schema->rules) {
    const SchemaId* unevaluated = nullptr;
    if (const auto* items = std::get_if<UnevaluatedItemsRule>(&rule.value); items != nullptr && kind_ == kArrayKind) {
      unevaluated = &items->schema;
    }
    if (const auto* properties = std::get_if<UnevaluatedPropertiesRule>(&rule.value);
        properties != nullptr && kind_ == kObjectKind) {
      unevaluated = &properties->schema;
    }
    if (unevaluated == nullptr) continue;
    Collector& inner = branch.collectors.emplace_back();
    inner.parent = collector;
    inner.unevaluated = *unevaluated;
    inner.names.complement = true;
    collector = static_cast<std::int32_t>(branch.collectors.size()) - 1;
  }
  for (std::size_t i = schema->rules.size(); i-- > 0;) {
    branch.certain.push_back({.literal = task.literal, .rule = &schema->rules[i], .collector = collector});
  }
  return true;
}

Result<bool> BranchSplitter::SettleRule(Branch& branch, const Task& task) {
  STRATA_TRY(const Verdict verdict, expander_.scalars().JudgeRule(*task.rule));
  if ((verdict.none & kind_) != 0) return false;
  if ((verdict.all & kind_) != 0 && task.collector == kNoCollector) return true;
  if (const auto* all = std::get_if<AllOfRule>(&task.rule->value)) {
    for (std::size_t i = all->schemas.size(); i-- > 0;) {
      branch.certain.push_back({.literal = {all->schemas[i], true}, .collector = task.collector});
    }
    return true;
  }
  if (const auto* negation = std::get_if<NotRule>(&task.rule->value)) {
    branch.certain.push_back({.literal = {negation->schema, false}});
    return true;
  }
  if (std::holds_alternative<AnyOfRule>(task.rule->value) || std::holds_alternative<OneOfRule>(task.rule->value) ||
      std::holds_alternative<EnumRule>(task.rule->value) || std::holds_alternative<ConditionalRule>(task.rule->value) ||
      (std::holds_alternative<DependentRule>(task.rule->value) && kind_ == kObjectKind)) {
    branch.fresh.push_back(task);
    return true;
  }
  return kind_ == kArrayKind ? AddArrayRule(branch, task) : AddObjectRule(branch, task);
}

Result<bool> BranchSplitter::AddArrayRule(Branch& branch, const Task& task) {
  ArrayFacts& facts = branch.facts.array;
  if (const auto* items = std::get_if<ItemsRule>(&task.rule->value)) {
    facts.items.push_back({.from = items->from, .to = items->to, .literal = {items->schema, true}});
    Collect(branch, task.collector, [items](Collector& collector) {
      if (items->to == kUnbounded) collector.everything = true;
      collector.items = std::max(collector.items, items->to);
    });
  } else if (const auto* count = std::get_if<ItemCountRule>(&task.rule->value)) {
    facts.min = std::max(facts.min, count->min);
    facts.max = std::min(facts.max, count->max);
  } else if (const auto* contains = std::get_if<ContainsRule>(&task.rule->value)) {
    facts.contained.push_back({.literal = {contains->schema, true}, .min = contains->min, .max = contains->max});
    if (contains->evaluates) {
      Collect(branch, task.collector,
              [contains](Collector& collector) { collector.contained.push_back(contains->schema); });
    }
  } else if (std::holds_alternative<UniqueItemsRule>(task.rule->value)) {
    STRATA_TRY(const Schema* schema, expander_.document().Get(task.literal.schema));
    facts.unique = &schema->pointer;
  }
  return true;
}

Result<bool> BranchSplitter::AddObjectRule(Branch& branch, const Task& task) {
  ObjectFacts& facts = branch.facts.object;
  if (const auto* properties = std::get_if<PropertiesRule>(&task.rule->value)) {
    facts.properties.push_back(properties);
    Collect(branch, task.collector,
            [properties](Collector& collector) { collector.names.properties.push_back(properties); });
  } else if (const auto* pattern = std::get_if<PatternPropertyRule>(&task.rule->value)) {
    STRATA_TRY(const Schema* schema, expander_.document().Get(task.literal.schema));
    const auto read = [&](PatternReading reading) {
      return expander_.scalars().Pattern(pattern->pattern, schema->pointer + "/patternProperties", reading);
    };
    // A name that one reading alone accepts satisfies this schema and that of other names.
    STRATA_TRY(const RegexId wide, read(PatternReading::kWide));
    STRATA_TRY(const RegexId narrow, read(PatternReading::kNarrow));
    facts.named.push_back(
        {.names = {.lists = {}, .properties = {}, .patterns = {wide}}, .literal = {pattern->schema, true}});
    Collect(branch, task.collector, [narrow](Collector& collector) { collector.names.patterns.push_back(narrow); });
  } else if (const auto* additional = std::get_if<AdditionalPropertiesRule>(&task.rule->value)) {
    STRATA_TRY(NameSet names, NamesOf(*additional, task.literal.schema, PatternReading::kNarrow));
    facts.named.push_back({.names = std::move(names), .literal = {additional->schema, true}});
    Collect(branch, task.collector, [](Collector& collector) { collector.everything = true; });
  } else if (const auto* names = std::get_if<PropertyNamesRule>(&task.rule->value)) {
    STRATA_TRY(const RegexId regex, expander_.scalars().Strings(std::array{Literal{names->schema, true}}));
    facts.names.push_back(regex);
  } else if (const auto* required = std::get_if<RequiredRule>(&task.rule->value)) {
    facts.required.insert(facts.required.end(), required->names.begin(), required->names.end());
  } else if (const auto* count = std::get_if<PropertyCountRule>(&task.rule->value)) {
    facts.min = std::max(facts.min, count->min);
    facts.max = std::min(facts.max, count->max);
  }
  return true;
}

Result<NameSet> BranchSplitter::NamesOf(const AdditionalPropertiesRule& rule, SchemaId owner, PatternReading reading) {
  NameSet names{.lists = {&rule.names}, .properties = {}, .patterns = {}, .complement = true};
  STRATA_TRY(const Schema* schema, expander_.document().Get(owner));
  for (const std::string& pattern : rule.patterns) {
    STRATA_TRY(names.patterns.emplace_back(),
               expander_.scalars().Pattern(pattern, schema->pointer + "/patternProperties", reading));
  }
  return names;
}

Result<bool> BranchSplitter::SettleNegated(Branch& branch, const Task& task) {
  using Alive = Result<bool>;
  STRATA_TRY(const Verdict verdict, expander_.scalars().JudgeRule(*task.rule));
  if ((verdict.all & kind_) != 0) return false;
  if ((verdict.none & kind_) != 0) return true;
  ArrayFacts& array = branch.facts.array;
  ObjectFacts& object = branch.facts.object;
  return std::visit(
      Overloaded{
          [&](const EnumRule& values) -> Alive {
            for (const SchemaId id : values.others) branch.certain.push_back({.literal = {id, false}});
            return true;
          },
          [&](const AnyOfRule& any) -> Alive {
            for (const SchemaId id : any.schemas) branch.certain.push_back({.literal = {id, false}});
            return true;
          },
          [&](const NotRule& negation) -> Alive {
            branch.certain.push_back({.literal = {negation.schema, true}});
            return true;
          },
          [&](const ItemsRule& items) -> Alive {
            const Literal other{items.schema, false};
            if (items.to == kUnbounded) {
              array.contained.push_back({.literal = other, .from = items.from});
              array.contained.back().min = 1;
            } else {
              // Only ever one place.
              array.items.push_back({.from = items.from, .to = items.to, .literal = other});
              array.min = std::max(array.min, items.to);
            }
            return true;
          },
          [&](const PatternPropertyRule& pattern) -> Alive {
            STRATA_TRY(const Schema* schema, expander_.document().Get(task.literal.schema));
            STRATA_TRY(const RegexId regex,
                       expander_.scalars().Pattern(pattern.pattern, schema->pointer + "/patternProperties",
                                                   PatternReading::kNarrow));
            object.witnesses.push_back(
                {.names = {.lists = {}, .properties = {}, .patterns = {regex}}, .literal = {pattern.schema, false}});
            return true;
          },
          [&](const AdditionalPropertiesRule& additional) -> Alive {
            STRATA_TRY(NameSet names, NamesOf(additional, task.literal.schema, PatternReading::kWide));
            object.witnesses.push_back({.names = std::move(names), .literal = {additional.schema, false}});
            return true;
          },
          [&](const PropertyNamesRule& names) -> Alive {
            STRATA_TRY(const RegexId regex, expander_.scalars().Strings(std::array{Literal{names.schema, false}}));
            object.witnesses.push_back(
                {.names = {.lists = {}, .properties = {}, .patterns = {regex}}, .literal = {kTrueSchema, true}});
            return true;
          },
          [&](const DependentRule& dependent) -> Alive {
            object.required.push_back(dependent.name);
            branch.certain.push_back({.literal = {dependent.schema, false}});
            return true;
          },
          [&](const UniqueItemsRule&) -> Alive {
            return Refuse(ErrorCode::kUnsupported, task, "cannot be held where it must not hold");
          },
          [&](const UnevaluatedItemsRule&) -> Alive {
            return Refuse(ErrorCode::kUnsupported, task, "cannot be held where it must not hold");
          },
          [&](const UnevaluatedPropertiesRule&) -> Alive {
            return Refuse(ErrorCode::kUnsupported, task, "cannot be held where it must not hold");
          },
          [&](const auto&) -> Alive {
            branch.fresh.push_back(task);
            return true;
          },
      },
      task.rule->value);
}

void BranchSplitter::Resolve(Branch& branch) {
  // The innermost were added last; each evaluates everything for those around it.
  for (std::size_t i = branch.collectors.size(); i-- > 0;) {
    Collector& collector = branch.collectors[i];
    if (!collector.everything && kind_ == kObjectKind) {
      branch.facts.object.named.push_back({.names = collector.names, .literal = {collector.unevaluated, true}});
    } else if (!collector.everything) {
      std::vector<SchemaId> allowed = collector.contained;
      allowed.push_back(collector.unevaluated);
      const SchemaId id = allowed.size() == 1 ? allowed[0] : expander_.document().Union(std::move(allowed));
      branch.facts.array.items.push_back({.from = collector.items, .literal = {id, true}});
    }
    Collect(branch, collector.parent, [](Collector& outer) { outer.everything = true; });
  }
}

}  // namespace strata::grammar
