#include <algorithm>
#include <iterator>

#include "grammar/json_schema/finite_values.h"
#include "grammar/json_schema/plan_builder.h"
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// Places of their own at the front of an array.
constexpr std::uint32_t kMaxPrefix = 4'096;

std::unexpected<Error> TooComplex(std::string_view what) {
  return SchemaFail(ErrorCode::kUnsupported, "", "too complex: {}", what);
}

/// Folds into `plan` and `items` what `contains` says for sure. False where there is no such array.
Result<bool> AddContained(Expander& expander, const ArrayFacts::Contained& fact, ArrayPlan& plan,
                          std::vector<ArrayFacts::Items>& items) {
  ArrayPlan::Contained contained{.from = fact.from, .min = fact.min, .max = fact.max};
  STRATA_TRY(contained.value, expander.obligations().Make({fact.literal}));
  STRATA_TRY(contained.unlike, expander.obligations().Make({{fact.literal.schema, !fact.literal.positive}}));
  if (fact.min > fact.max) return false;
  if (fact.min == 0 && fact.max == kUnbounded) return true;
  if (contained.value == kNoValue) return fact.min == 0;
  if (contained.value == kAnyValue) {
    if (fact.min > 0) plan.min = std::max(plan.min, fact.from + std::min(fact.min, kUnbounded - 1 - fact.from));
    if (fact.max < kUnbounded - fact.from) plan.max = std::min(plan.max, fact.from + fact.max);
    return true;
  }
  if (fact.max == 0) {
    items.push_back({.from = fact.from, .literal = {fact.literal.schema, !fact.literal.positive}});
    return true;
  }
  if (std::ranges::find(plan.contained, contained) == plan.contained.end()) plan.contained.push_back(contained);
  return true;
}

Status AddItems(Expander& expander, std::span<const ArrayFacts::Items> items, ArrayPlan& plan) {
  std::uint32_t count = 0;
  for (const ArrayFacts::Items& fact : items) count = std::max(count, fact.to == kUnbounded ? fact.from : fact.to);
  count = std::min(count, plan.max);
  if (count > kMaxPrefix) return TooComplex("more than 4,096 items with schemas of their own");
  std::vector<std::vector<Literal>> places(count);
  std::vector<Literal> rest;
  for (const ArrayFacts::Items& fact : items) {
    for (std::uint32_t i = fact.from; i < std::min(fact.to, count); ++i) places[i].push_back(fact.literal);
    if (fact.to == kUnbounded) rest.push_back(fact.literal);
  }
  for (const std::vector<Literal>& place : places) {
    STRATA_TRY(plan.prefix.emplace_back(), expander.obligations().Make(place));
  }
  STRATA_TRY(plan.rest, expander.obligations().Make(rest));
  return {};
}

/// Where all items that may come are counted, the count is one of items.
Status FoldCounts(Expander& expander, ArrayPlan& plan) {
  std::vector<ArrayPlan::Contained> kept;
  for (const ArrayPlan::Contained& contained : plan.contained) {
    bool all = true;
    for (std::size_t i = contained.from; i <= plan.prefix.size() && all; ++i) {
      const ObligationId item = i < plan.prefix.size() ? plan.prefix[i] : plan.rest;
      STRATA_TRY(const ObligationId other, expander.obligations().And(item, contained.unlike));
      all = expander.SurelyEmpty(other, kAllKinds);
    }
    if (!all || contained.from > plan.prefix.size()) {
      kept.push_back(contained);
      continue;
    }
    if (contained.min > 0) plan.min = std::max(plan.min, contained.from + contained.min);
    if (contained.max < kUnbounded - contained.from) plan.max = std::min(plan.max, contained.from + contained.max);
  }
  plan.contained = std::move(kept);
  if (plan.contained.size() > kMaxContained) return TooComplex("more than 4 counts of items");
  return {};
}

/// Names the constants that the items of an array without equals are made of.
Status AddCandidates(Expander& expander, const std::string& pointer, ArrayPlan& plan) {
  if (!plan.contained.empty()) {
    return SchemaFail(ErrorCode::kUnsupported, pointer, "uniqueItems cannot be held together with contains");
  }
  std::vector<ObligationId> items = plan.prefix;
  if (plan.max > plan.prefix.size()) items.push_back(plan.rest);
  for (const ObligationId item : items) {
    std::optional<std::vector<SchemaId>> best;
    for (const Literal& literal : expander.obligations().literals(item)) {
      if (!literal.positive) continue;
      STRATA_TRY(auto listed, ListedValues(expander.document(), literal.schema, kMaxCandidates));
      if (listed && (!best || listed->size() < best->size())) best = std::move(listed);
    }
    if (!best)
      return SchemaFail(ErrorCode::kUnsupported, pointer + "/uniqueItems", "needs items from a list of values");
    std::ranges::copy(*best, std::back_inserter(plan.candidates));
  }
  std::ranges::sort(plan.candidates);
  plan.candidates.erase(std::ranges::unique(plan.candidates).begin(), plan.candidates.end());
  if (plan.candidates.size() > kMaxCandidates) {
    return SchemaFail(ErrorCode::kUnsupported, pointer + "/uniqueItems", "more than {} values", kMaxCandidates);
  }
  return {};
}

}  // namespace

Result<std::optional<ArrayPlan>> BuildArrayPlan(Expander& expander, const ArrayFacts& facts) {
  ArrayPlan plan;
  plan.min = facts.min;
  plan.max = facts.max;
  std::vector<ArrayFacts::Items> items = facts.items;
  for (const ArrayFacts::Contained& fact : facts.contained) {
    STRATA_TRY(const bool possible, AddContained(expander, fact, plan, items));
    if (!possible) return std::nullopt;
  }
  STRATA_CHECK(AddItems(expander, items, plan));
  STRATA_CHECK(FoldCounts(expander, plan));
  const auto impossible = std::ranges::find(plan.prefix, kNoValue);
  if (impossible != plan.prefix.end() || plan.rest == kNoValue) {
    plan.max = std::min(plan.max, static_cast<std::uint32_t>(impossible - plan.prefix.begin()));
  }
  if (plan.min > plan.max) return std::nullopt;
  // One form for equal plans.
  if (plan.prefix.size() >= plan.max) {
    plan.prefix.resize(plan.max);
    plan.rest = kNoValue;
  }
  while (!plan.prefix.empty() && plan.prefix.back() == plan.rest) plan.prefix.pop_back();
  std::ranges::sort(plan.contained);
  plan.unique = facts.unique != nullptr && plan.max > 1;
  if (plan.unique) STRATA_CHECK(AddCandidates(expander, *facts.unique, plan));
  return plan;
}

}  // namespace strata::grammar
