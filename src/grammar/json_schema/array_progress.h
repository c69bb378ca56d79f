// Where an array that is being written stands, and what may come next.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/plans.h"

namespace strata::grammar {

struct ArrayProgress {
  std::uint32_t index = 0;                              ///< items so far, as far as it matters
  std::array<std::uint32_t, kMaxContained> found = {};  ///< for each of the plan's counts, as far as it matters
  std::uint64_t used = 0;                               ///< candidates, where items must be unique
  auto operator<=>(const ArrayProgress&) const = default;
};

class ArrayWalker {
 public:
  ArrayWalker(Obligations& obligations, const ArrayPlan& plan, HasValue has_value);

  bool MayEnd(const ArrayProgress& progress) const;
  /// Whether some way leads to an end.
  bool CanFinish(const ArrayProgress& progress);
  struct Item {
    ObligationId value;
    ArrayProgress next;
  };
  /// The items that may come, each with a way to an end after it.
  std::vector<Item> Items(const ArrayProgress& progress);

 private:
  std::vector<Item> Moves(const ArrayProgress& progress) const;
  bool CanFinishUnique(const ArrayProgress& progress) const;
  ArrayProgress Advance(ArrayProgress progress) const;

  Obligations& obligations_;
  const ArrayPlan& plan_;
  HasValue has_value_;
  std::map<ArrayProgress, bool> can_finish_;
};

/// Every obligation that items may have to satisfy. Errors: kUnsupported where counts are beyond what is explored.
Result<std::vector<ObligationId>> Demands(Obligations& obligations, const ArrayPlan& plan);

/// False where it is sure that no array of the plan exists.
bool ArrayMayExist(const ArrayPlan& plan, const HasValue& may_have);

}  // namespace strata::grammar
