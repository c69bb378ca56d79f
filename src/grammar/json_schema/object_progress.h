// Where an object that is being written stands, and what may come next.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "grammar/json_schema/json_schema.h"
#include "grammar/json_schema/plans.h"

namespace strata::grammar {

/// A name that is written twice counts, in JSON's readers, once and with its last value. So known names come once, and
/// of other names, which may be equal without being seen to be, the first of each class counts for the minimum.
struct ObjectProgress {
  std::uint32_t next = 0;           ///< the first of the ordered properties that may still come
  std::vector<std::uint64_t> seen;  ///< which of the others have come, as bits
  std::uint32_t count = 0;          ///< properties, where there is a maximum
  std::uint32_t distinct = 0;       ///< names, up to the minimum
  std::uint64_t classes = 0;        ///< that have had a name; until the minimum is reached
  std::uint32_t shown = 0;          ///< witnesses that have come
  std::uint32_t pinned = 0;         ///< those of them that another of the same class could overwrite
  auto operator<=>(const ObjectProgress&) const = default;
};

class ObjectWalker {
 public:
  ObjectWalker(Obligations& obligations, const ObjectPlan& plan, KeyOrder order, HasValue has_value);

  ObjectProgress Start() const;
  /// Whether there is any object of the plan.
  bool CanStart() const;
  bool MayEnd(const ObjectProgress& progress) const;
  /// Whether some way leads to an end.
  bool CanFinish(const ObjectProgress& progress) const;
  struct Member {
    std::uint32_t name;  ///< place among the plan's properties, or its classes
    ObligationId value;
    ObjectProgress next;
  };
  /// The members that may come, each with a way to an end after it; sorted by name.
  std::vector<Member> Properties(const ObjectProgress& progress) const;
  std::vector<Member> Others(const ObjectProgress& progress) const;

 private:
  bool Seen(const ObjectProgress& progress, std::uint32_t property) const;
  ObjectProgress Count(ObjectProgress progress) const;
  ObligationId Witnessing(ObligationId value, std::uint32_t witnesses) const;
  ObligationId OtherValue(const ObjectProgress& progress, std::uint32_t name_class) const;
  std::uint32_t Missing(const ObjectProgress& progress) const;
  bool CanWitness(const ObjectProgress& progress, std::uint64_t room, std::vector<std::uint32_t>& extra) const;
  void AddMembers(std::uint32_t name, ObligationId value, std::uint32_t witnesses, bool pin, const ObjectProgress& next,
                  std::vector<Member>& members) const;

  Obligations& obligations_;
  const ObjectPlan& plan_;
  std::uint32_t ordered_;  ///< properties that come in order, at the front
  bool others_last_;       ///< and all other names after whatever is required
  HasValue has_value_;
  std::vector<bool> usable_;                  ///< properties whose value exists
  std::vector<std::uint32_t> required_from_;  ///< required ones among the ordered, from a place on
};

/// Every obligation that members may have to satisfy.
Result<std::vector<ObligationId>> Demands(Obligations& obligations, const ObjectPlan& plan);

/// False where it is sure that no object of the plan exists.
bool ObjectMayExist(const ObjectPlan& plan, const HasValue& may_have);

}  // namespace strata::grammar
