// What the values of an obligation are: regular languages of scalars, and plans of arrays and objects. Everything about
// schemas that is logic rather than text happens here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "grammar/json_schema/facts.h"
#include "grammar/json_schema/obligations.h"
#include "grammar/json_schema/plans.h"
#include "grammar/json_schema/scalar_sets.h"

namespace strata::grammar {

/// The values that satisfy an obligation: a union.
struct Values {
  RegexId strings = RegexStore::kNothing;  ///< by content
  RegexId texts = RegexStore::kNothing;    ///< numbers and literals, as written
  std::vector<PlanId> arrays;
  std::vector<PlanId> objects;
};

class Expander {
 public:
  Expander(SchemaDocument& document, RegexStore& store)
      : document_(document), store_(store), scalars_(document, store), obligations_(document, scalars_) {}

  /// Errors: kInvalidArgument and kUnsupported with the JSON pointer of what is at fault.
  Result<const Values*> Expand(ObligationId id);
  /// Null before Expand.
  const Values* Find(ObligationId id) const;

  /// Whether it is sure that no value of these kinds satisfies the obligation; "no" may also mean "not seen".
  bool SurelyEmpty(ObligationId id, Kinds kinds);

  const ArrayPlan& array(PlanId id) const { return arrays_[id]; }
  const ObjectPlan& object(PlanId id) const { return objects_[id]; }
  SchemaDocument& document() { return document_; }
  RegexStore& store() { return store_; }
  Obligations& obligations() { return obligations_; }
  ScalarSets& scalars() { return scalars_; }

  /// Counts work, in units of about a microsecond; false, for good, once there has been too much of it.
  bool Spend(std::uint64_t units);

 private:
  struct Emptiness {
    bool known;           ///< it is empty
    std::uint32_t depth;  ///< else: from how far out it has been looked at
  };
  Result<Values> Compute(ObligationId id);
  Result<std::vector<PlanId>> Arrays(ObligationId id);
  Result<std::vector<PlanId>> Objects(ObligationId id);
  PlanId Intern(ArrayPlan plan);
  PlanId Intern(ObjectPlan plan);

  SchemaDocument& document_;
  RegexStore& store_;
  ScalarSets scalars_;
  Obligations obligations_;
  std::unordered_map<ObligationId, Values> values_;
  std::unordered_map<ObligationId, std::vector<PlanId>> array_lists_;
  std::unordered_map<ObligationId, std::vector<PlanId>> object_lists_;
  std::set<std::pair<ObligationId, Kinds>> expanding_;
  std::map<std::pair<ObligationId, Kinds>, Emptiness> emptiness_;
  std::uint32_t depth_ = 0;
  std::uint64_t work_ = 0;
  std::size_t regexes_ = 0;       ///< of which the work has been counted
  std::deque<ArrayPlan> arrays_;  // references stay good
  std::deque<ObjectPlan> objects_;
  std::unordered_map<std::string, PlanId> array_ids_;
  std::unordered_map<std::string, PlanId> object_ids_;
};

}  // namespace strata::grammar
