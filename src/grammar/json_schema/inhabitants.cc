#include "grammar/json_schema/inhabitants.h"

#include <algorithm>

#include "grammar/json_schema/array_progress.h"
#include "grammar/json_schema/object_progress.h"
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

std::unexpected<Error> TooComplex() { return SchemaFail(ErrorCode::kUnsupported, "", "too complex"); }

/// All obligations that are reachable from `root`, in the order of a breadth-first walk.
Result<std::vector<ObligationId>> Reach(Expander& expander, ObligationId root) {
  std::vector<ObligationId> order = {root};
  std::unordered_set<ObligationId> reached = {root};
  std::unordered_set<PlanId> arrays, objects;
  const auto add = [&](const std::vector<ObligationId>& demands) {
    for (const ObligationId id : demands) {
      if (reached.insert(id).second) order.push_back(id);
    }
    return expander.Spend(demands.size());
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    STRATA_TRY(const Values* values, expander.Expand(order[i]));
    for (const PlanId plan : values->arrays) {
      if (!arrays.insert(plan).second) continue;
      STRATA_TRY(const auto demands, Demands(expander.obligations(), expander.array(plan)));
      if (!add(demands)) return TooComplex();
    }
    for (const PlanId plan : values->objects) {
      if (!objects.insert(plan).second) continue;
      STRATA_TRY(const auto demands, Demands(expander.obligations(), expander.object(plan)));
      if (!add(demands)) return TooComplex();
    }
  }
  return order;
}

/// A plan that fails only because of its minimum of properties fails because names cannot be told apart.
bool FailsByCountAlone(Expander& expander, const ObjectPlan& plan, KeyOrder order, const HasValue& has_value) {
  if (plan.min == 0 || plan.others.empty() || plan.max < plan.min) return false;
  ObjectPlan uncounted = plan;
  uncounted.min = 0;
  const ObjectWalker walker(expander.obligations(), uncounted, order, has_value);
  const bool others = std::ranges::any_of(plan.others, [&](const auto& names) { return has_value(names.value); });
  return others && walker.CanStart();
}

}  // namespace

Result<Inhabitants> Inhabitants::Explore(Expander& expander, ObligationId root, KeyOrder order) {
  STRATA_TRY(const std::vector<ObligationId> reached, Reach(expander, root));
  Inhabitants found;
  found.has_value_.resize(expander.obligations().size());
  const HasValue has_value = [&found](ObligationId id) { return found.Has(id); };
  const auto array_exists = [&](PlanId id) {
    ArrayWalker walker(expander.obligations(), expander.array(id), has_value);
    return walker.CanFinish({});
  };
  const auto object_exists = [&](PlanId id) {
    return ObjectWalker(expander.obligations(), expander.object(id), order, has_value).CanStart();
  };
  // What is built of others was reached before them: backwards, a round or two is enough for most.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = reached.rbegin(); it != reached.rend(); ++it) {
      if (found.has_value_[*it]) continue;
      if (!expander.Spend(1)) return TooComplex();
      const Values& values = *expander.Find(*it);
      if (values.strings == RegexStore::kNothing && values.texts == RegexStore::kNothing &&
          std::ranges::none_of(values.arrays, array_exists) && std::ranges::none_of(values.objects, object_exists)) {
        continue;
      }
      found.has_value_[*it] = true;
      changed = true;
    }
  }
  for (const ObligationId id : reached) {
    for (const PlanId plan : expander.Find(id)->objects) {
      if (!object_exists(plan) && FailsByCountAlone(expander, expander.object(plan), order, has_value)) {
        return SchemaFail(ErrorCode::kUnsupported, "", "minProperties asks for more names than can be told apart");
      }
    }
  }
  return found;
}

}  // namespace strata::grammar
