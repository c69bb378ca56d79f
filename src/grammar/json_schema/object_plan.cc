#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "grammar/json_schema/plan_builder.h"
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

std::unexpected<Error> TooComplex(std::string_view what) {
  return SchemaFail(ErrorCode::kUnsupported, "", "too complex: {}", what);
}

/// Properties of one rule that are looked through without an index.
constexpr std::size_t kSearchedLinearly = 8;

/// Answers which names are in the sets of some facts, and what the rules say of a name.
class NameLookup {
 public:
  NameLookup(Expander& expander, const ObjectFacts& facts) : expander_(expander), facts_(facts) {}

  bool Contains(const NameSet& set, std::string_view name) {
    bool inside = std::ranges::any_of(set.lists, [&](const auto* list) { return Listed(list, name); }) ||
                  std::ranges::any_of(set.properties, [&](const auto* list) { return Find(list, name) != nullptr; });
    if (!inside) {
      inside = std::ranges::any_of(set.patterns, [&](RegexId regex) { return expander_.store().Matches(regex, name); });
    }
    return inside != set.complement;
  }

  Result<ObligationId> Value(std::string_view name) {
    std::vector<Literal> literals;
    for (const PropertiesRule* properties : facts_.properties) {
      if (const SchemaId* schema = Find(properties, name)) literals.push_back({*schema, true});
    }
    for (const ObjectFacts::Single& single : facts_.singles) {
      if (single.name == name) literals.push_back(single.literal);
    }
    for (const ObjectFacts::Named& named : facts_.named) {
      if (Contains(named.names, name)) literals.push_back(named.literal);
    }
    for (const RegexId names : facts_.names) {
      if (!expander_.store().Matches(names, name)) return kNoValue;
    }
    return expander_.obligations().Make(literals);
  }

 private:
  const SchemaId* Find(const PropertiesRule* rule, std::string_view name) {
    if (rule->properties.size() <= kSearchedLinearly) {
      const auto found = std::ranges::find(rule->properties, name, &std::pair<std::string, SchemaId>::first);
      return found == rule->properties.end() ? nullptr : &found->second;
    }
    auto& index = properties_[rule];
    if (index.empty()) {
      for (const auto& [key, schema] : rule->properties) index.emplace(key, &schema);
    }
    const auto it = index.find(name);
    return it == index.end() ? nullptr : it->second;
  }
  bool Listed(const std::vector<std::string>* list, std::string_view name) {
    auto& index = lists_[list];
    if (index.empty()) index.insert(list->begin(), list->end());
    return index.contains(name);
  }

  Expander& expander_;
  const ObjectFacts& facts_;
  std::unordered_map<const PropertiesRule*, std::unordered_map<std::string_view, const SchemaId*>> properties_;
  std::unordered_map<const std::vector<std::string>*, std::unordered_set<std::string_view>> lists_;
};

/// The names that the facts speak of one by one: those of `properties`, in order, and others.
struct KnownNames {
  std::vector<std::string_view> names;
  std::size_t declared = 0;
};

KnownNames NamesIn(const ObjectFacts& facts) {
  std::vector<std::string_view> names;
  std::unordered_set<std::string_view> known;
  const auto add = [&](std::string_view name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const PropertiesRule* rule : facts.properties) {
    for (const auto& [name, schema] : rule->properties) add(name);
  }
  const std::size_t declared = names.size();
  std::ranges::for_each(facts.required, add);
  for (const ObjectFacts::Single& single : facts.singles) add(single.name);
  for (const auto* list : {&facts.named, &facts.witnesses}) {
    for (const ObjectFacts::Named& named : *list) {
      for (const std::vector<std::string>* words : named.names.lists) std::ranges::for_each(*words, add);
      for (const PropertiesRule* rule : named.names.properties) {
        for (const auto& [name, schema] : rule->properties) add(name);
      }
    }
  }
  return {std::move(names), declared};
}

/// Divides all other names into classes whose members the same rules hold for.
class NameDivider {
 public:
  NameDivider(Expander& expander, const ObjectFacts& facts) : expander_(expander), facts_(facts) {
    for (const auto* list : {&facts.named, &facts.witnesses}) {
      for (const ObjectFacts::Named& named : *list) {
        for (const RegexId pattern : named.names.patterns) {
          if (std::ranges::find(patterns_, pattern) == patterns_.end()) patterns_.push_back(pattern);
        }
      }
    }
  }

  Result<std::vector<ObjectPlan::NameClass>> Divide(RegexId names) {
    STRATA_CHECK(Divide(names, 0));
    std::vector<ObjectPlan::NameClass> classes;
    for (const auto& [content, regexes] : classes_) {
      classes.push_back({.names = expander_.store().Or(regexes), .value = content.first, .witnesses = content.second});
    }
    return classes;
  }

 private:
  bool Contains(const NameSet& set) const {
    const bool inside = std::ranges::any_of(
        set.patterns, [this](RegexId pattern) { return std::ranges::find(inside_, pattern) != inside_.end(); });
    return inside != set.complement;
  }

  Status Divide(RegexId names, std::size_t next) {
    RegexStore& store = expander_.store();
    if (!expander_.Spend(20)) return TooComplex("patterns of names");
    if (next < patterns_.size()) {
      const RegexId inside = store.And({names, patterns_[next]});
      if (!store.IsNothing(inside)) {
        inside_.push_back(patterns_[next]);
        STRATA_CHECK(Divide(inside, next + 1));
        inside_.pop_back();
      }
      return Divide(store.And({names, store.Not(patterns_[next])}), next + 1);
    }
    std::vector<Literal> literals;
    for (const ObjectFacts::Named& named : facts_.named) {
      if (Contains(named.names)) literals.push_back(named.literal);
    }
    STRATA_TRY(const ObligationId value, expander_.obligations().Make(literals));
    if (value == kNoValue || store.IsNothing(names)) return {};
    std::uint32_t witnesses = 0;
    for (std::size_t i = 0; i < facts_.witnesses.size(); ++i) {
      if (Contains(facts_.witnesses[i].names)) witnesses |= 1U << i;
    }
    classes_[{value, witnesses}].push_back(names);
    if (classes_.size() > kMaxNameClasses) return TooComplex("patterns of names that overlap");
    return {};
  }

  Expander& expander_;
  const ObjectFacts& facts_;
  std::vector<RegexId> patterns_;
  std::vector<RegexId> inside_;  ///< the patterns that the names at hand match
  std::map<std::pair<ObligationId, std::uint32_t>, std::vector<RegexId>> classes_;
};

/// Names of one class may be equal, and so count once. Where a minimum asks for more names than that, the classes are
/// divided by first character.
std::vector<ObjectPlan::NameClass> DivideByFirstCharacter(RegexStore& store,
                                                          std::span<const ObjectPlan::NameClass> classes) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::vector<ObjectPlan::NameClass> parts;
  for (const ObjectPlan::NameClass& names : classes) {
    std::vector<CharRange> others;
    for (const char c : kFirst) {
      if (parts.size() + 2 > kMaxNameClasses) break;
      ObjectPlan::NameClass part = names;
      const auto first = static_cast<char32_t>(c);
      part.names = store.And({names.names, store.Concat(store.Char(first), RegexStore::kAnything)});
      others.push_back({first, first});
      if (!store.IsNothing(part.names)) parts.push_back(part);
    }
    ObjectPlan::NameClass part = names;
    part.names = store.And({names.names, store.Not(store.Concat(store.Set(CharSet(others)), RegexStore::kAnything))});
    if (!store.IsNothing(part.names)) parts.push_back(part);
  }
  return parts;
}

}  // namespace

Result<bool> RequiresImpossible(Expander& expander, const ObjectFacts& facts) {
  const std::set<std::string_view> required(facts.required.begin(), facts.required.end());
  if (required.size() > facts.max) return true;
  NameLookup lookup(expander, facts);
  for (const std::string_view name : required) {
    if (!expander.Spend(1 + facts.properties.size() / 8)) return TooComplex("required properties");
    STRATA_TRY(const ObligationId value, lookup.Value(name));
    if (expander.SurelyEmpty(value, kAllKinds)) return true;
  }
  return false;
}

Result<std::optional<ObjectPlan>> BuildObjectPlan(Expander& expander, const ObjectFacts& facts) {
  RegexStore& store = expander.store();
  ObjectPlan plan;
  plan.min = facts.min;
  plan.max = facts.max;
  if (facts.witnesses.size() > kMaxWitnesses) return TooComplex("more than 4 properties that must exist");
  for (const ObjectFacts::Named& witness : facts.witnesses) {
    STRATA_TRY(plan.witnesses.emplace_back(), expander.obligations().Make({witness.literal}));
    if (plan.witnesses.back() == kNoValue) return std::nullopt;
  }
  NameLookup lookup(expander, facts);
  const std::unordered_set<std::string_view> required(facts.required.begin(), facts.required.end());
  const auto [known, declared] = NamesIn(facts);
  for (std::size_t n = 0; n < known.size(); ++n) {
    const std::string_view name = known[n];
    ObjectPlan::Property property{.name = std::string(name), .required = required.contains(name)};
    STRATA_TRY(property.value, lookup.Value(name));
    for (std::size_t i = 0; i < facts.witnesses.size(); ++i) {
      if (lookup.Contains(facts.witnesses[i].names, name)) property.witnesses |= 1U << i;
    }
    if (property.value != kNoValue) {
      if (n < declared) ++plan.declared;
      plan.properties.push_back(std::move(property));
    } else if (property.required) {
      return std::nullopt;
    }
  }
  if (required.size() > plan.max || plan.min > plan.max) return std::nullopt;
  RegexId names = facts.names.empty() ? RegexStore::kAnything : store.And(facts.names);
  if (!known.empty()) {
    names = store.And({names, store.Not(store.OneOf(std::vector<std::string>(known.begin(), known.end())))});
  }
  STRATA_TRY(plan.others, NameDivider(expander, facts).Divide(names));
  if (!plan.others.empty() && plan.min > plan.properties.size() + plan.others.size()) {
    plan.others = DivideByFirstCharacter(store, plan.others);
  }
  if (plan.min <= required.size()) plan.min = 0;
  return plan;
}

}  // namespace strata::grammar
