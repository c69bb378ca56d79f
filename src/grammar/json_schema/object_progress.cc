#include "grammar/json_schema/object_progress.h"

#include <algorithm>
#include <bit>

namespace strata::grammar {
namespace {

/// Whether a name of this class is surely another than those before. Classes beyond the bits that there are never
/// count.
bool IsNewClass(const ObjectProgress& progress, std::uint32_t name_class) {
  return name_class < 64 && (progress.classes >> name_class & 1) == 0;
}

}  // namespace

ObjectWalker::ObjectWalker(Obligations& obligations, const ObjectPlan& plan, KeyOrder order, HasValue has_value)
    : obligations_(obligations),
      plan_(plan),
      ordered_(order == KeyOrder::kDeclared ? plan.declared : 0),
      others_last_(order == KeyOrder::kDeclared),
      has_value_(std::move(has_value)) {
  for (const ObjectPlan::Property& property : plan.properties) usable_.push_back(has_value_(property.value));
  required_from_.resize(ordered_ + 1);
  for (std::size_t i = ordered_; i-- > 0;) {
    required_from_[i] = required_from_[i + 1] + (plan.properties[i].required ? 1 : 0);
  }
}

ObjectProgress ObjectWalker::Start() const {
  ObjectProgress start;
  start.seen.resize((plan_.properties.size() - ordered_ + 63) / 64);
  return start;
}

bool ObjectWalker::CanStart() const {
  for (std::size_t i = 0; i < plan_.properties.size(); ++i) {
    if (plan_.properties[i].required && !usable_[i]) return false;
  }
  return CanFinish(Start());
}

bool ObjectWalker::Seen(const ObjectProgress& progress, std::uint32_t property) const {
  if (property < ordered_) return property < progress.next;
  const std::uint32_t bit = property - ordered_;
  return (progress.seen[bit / 64] >> bit % 64 & 1) != 0;
}

std::uint32_t ObjectWalker::Missing(const ObjectProgress& progress) const {
  std::uint32_t missing = required_from_[progress.next];
  for (std::uint32_t i = ordered_; i < plan_.properties.size(); ++i) {
    if (plan_.properties[i].required && !Seen(progress, i)) ++missing;
  }
  return missing;
}

bool ObjectWalker::MayEnd(const ObjectProgress& progress) const {
  const bool witnessed = std::popcount(progress.shown) == static_cast<int>(plan_.witnesses.size());
  return witnessed && progress.distinct >= plan_.min && Missing(progress) == 0;
}

ObligationId ObjectWalker::Witnessing(ObligationId value, std::uint32_t witnesses) const {
  for (std::size_t i = 0; i < plan_.witnesses.size(); ++i) {
    if ((witnesses >> i & 1) != 0) value = obligations_.And(value, plan_.witnesses[i]).value_or(kNoValue);
  }
  return value;
}

ObligationId ObjectWalker::OtherValue(const ObjectProgress& progress, std::uint32_t name_class) const {
  const ObjectPlan::NameClass& names = plan_.others[name_class];
  return Witnessing(names.value, names.witnesses & progress.pinned);
}

bool ObjectWalker::CanWitness(const ObjectProgress& progress, std::uint64_t room,
                              std::vector<std::uint32_t>& extra) const {
  // `extra` holds, for each property, the witnesses that it is to be; behind the properties, those of other names.
  const std::uint32_t all = (1U << plan_.witnesses.size()) - 1;
  std::uint32_t assigned = progress.shown;
  for (const std::uint32_t witnesses : extra) assigned |= witnesses;
  if (assigned == all) return true;
  const std::uint32_t bit = ~assigned & (assigned + 1);
  for (std::uint32_t i = 0; i < plan_.properties.size(); ++i) {
    const ObjectPlan::Property& property = plan_.properties[i];
    if (!usable_[i] || Seen(progress, i) || (property.witnesses & bit) == 0) continue;
    const std::uint64_t cost = property.required || extra[i] != 0 ? 0 : 1;
    if (cost > room || !has_value_(Witnessing(property.value, extra[i] | bit))) continue;
    extra[i] |= bit;
    if (CanWitness(progress, room - cost, extra)) return true;
    extra[i] &= ~bit;
  }
  for (std::uint32_t i = 0; i < plan_.others.size(); ++i) {
    const ObjectPlan::NameClass& names = plan_.others[i];
    // What one member is made to witness, later ones of its class have to satisfy as well.
    const std::uint32_t pinned = progress.pinned | extra.back();
    if ((names.witnesses & bit) == 0 || room == 0) continue;
    // One member may witness several at once.
    const std::uint32_t open = names.witnesses & ~assigned;
    for (std::uint32_t subset = open; subset != 0; subset = (subset - 1) & open) {
      if ((subset & bit) == 0 || !has_value_(Witnessing(names.value, names.witnesses & (pinned | subset)))) continue;
      extra.back() |= subset;
      if (CanWitness(progress, room - 1, extra)) return true;
      extra.back() &= ~subset;
    }
  }
  return false;
}

bool ObjectWalker::CanFinish(const ObjectProgress& progress) const {
  const bool witnessed = std::popcount(progress.shown) == static_cast<int>(plan_.witnesses.size());
  const bool enough = progress.distinct >= plan_.min;
  if (plan_.max == kUnbounded && enough && witnessed) return true;
  const std::uint32_t missing = Missing(progress);
  const std::uint64_t room = plan_.max == kUnbounded ? kUnbounded : plan_.max - progress.count;
  if (missing > room) return false;
  if (!enough) {
    const std::uint64_t needed = plan_.min - progress.distinct;
    std::uint64_t available = 0;
    for (std::uint32_t i = 0; i < plan_.properties.size(); ++i) {
      if (usable_[i] && !Seen(progress, i)) ++available;
    }
    for (std::uint32_t i = 0; i < plan_.others.size(); ++i) {
      if (IsNewClass(progress, i) && has_value_(OtherValue(progress, i))) ++available;
    }
    if (needed > available || needed > room) return false;
  }
  if (witnessed) return true;
  std::vector<std::uint32_t> extra(plan_.properties.size() + 1);
  return CanWitness(progress, room - missing, extra);
}

ObjectProgress ObjectWalker::Count(ObjectProgress progress) const {
  if (plan_.max != kUnbounded) ++progress.count;
  return progress;
}

void ObjectWalker::AddMembers(std::uint32_t name, ObligationId value, std::uint32_t witnesses, bool pin,
                              const ObjectProgress& next, std::vector<Member>& members) const {
  // Each subset of the witnesses that this member may be.
  for (std::uint32_t subset = witnesses;; subset = (subset - 1) & witnesses) {
    Member member{.name = name, .value = Witnessing(value, subset), .next = next};
    member.next.shown |= subset;
    if (pin) member.next.pinned |= subset;
    if (has_value_(member.value) && CanFinish(member.next)) members.push_back(std::move(member));
    if (subset == 0) return;
  }
}

std::vector<ObjectWalker::Member> ObjectWalker::Properties(const ObjectProgress& progress) const {
  std::vector<Member> members;
  if (progress.count >= plan_.max) return members;
  const auto add = [&](std::uint32_t i) {
    const ObjectPlan::Property& property = plan_.properties[i];
    if (!usable_[i] || Seen(progress, i)) return;
    ObjectProgress next = Count(progress);
    if (next.distinct < plan_.min && ++next.distinct == plan_.min) next.classes = 0;
    if (i < ordered_) {
      next.next = i + 1;
    } else {
      next.seen[(i - ordered_) / 64] |= std::uint64_t{1} << (i - ordered_) % 64;
    }
    AddMembers(i, property.value, property.witnesses & ~progress.shown, /*pin=*/false, next, members);
  };
  for (std::uint32_t i = progress.next; i < ordered_; ++i) {
    add(i);
    if (plan_.properties[i].required) break;  // it cannot be skipped
  }
  for (std::uint32_t i = ordered_; i < plan_.properties.size(); ++i) add(i);
  return members;
}

std::vector<ObjectWalker::Member> ObjectWalker::Others(const ObjectProgress& progress) const {
  std::vector<Member> members;
  if (progress.count >= plan_.max || (others_last_ && Missing(progress) > 0)) return members;
  for (std::uint32_t i = 0; i < plan_.others.size(); ++i) {
    ObjectProgress next = Count(progress);
    if (next.distinct < plan_.min && IsNewClass(next, i)) {
      next.classes |= std::uint64_t{1} << i;
      if (++next.distinct == plan_.min) next.classes = 0;
    }
    next.next = ordered_;
    AddMembers(i, OtherValue(progress, i), plan_.others[i].witnesses & ~progress.shown, /*pin=*/true, next, members);
  }
  return members;
}

Result<std::vector<ObligationId>> Demands(Obligations& obligations, const ObjectPlan& plan) {
  std::vector<ObligationId> demands;
  const auto add = [&](ObligationId value, std::uint32_t witnesses) -> Status {
    const std::size_t first = demands.size();
    demands.push_back(value);
    for (std::size_t i = 0; i < plan.witnesses.size(); ++i) {
      if ((witnesses >> i & 1) == 0) continue;
      const std::size_t before = demands.size();
      for (std::size_t j = first; j < before; ++j) {
        STRATA_TRY(demands.emplace_back(), obligations.And(demands[j], plan.witnesses[i]));
      }
    }
    return {};
  };
  for (const ObjectPlan::Property& property : plan.properties) STRATA_CHECK(add(property.value, property.witnesses));
  for (const ObjectPlan::NameClass& names : plan.others) STRATA_CHECK(add(names.value, names.witnesses));
  return demands;
}

bool ObjectMayExist(const ObjectPlan& plan, const HasValue& may_have) {
  for (const ObjectPlan::Property& property : plan.properties) {
    if (property.required && !may_have(property.value)) return false;
  }
  if (plan.min > plan.properties.size() && plan.others.empty()) return false;
  return std::ranges::all_of(plan.witnesses, may_have);
}

}  // namespace strata::grammar
