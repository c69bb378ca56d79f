#include "grammar/json_schema/expander.h"

#include <algorithm>

#include "grammar/json_schema/array_progress.h"
#include "grammar/json_schema/branches.h"
#include "grammar/json_schema/object_progress.h"
#include "grammar/json_schema/plan_builder.h"
#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// How deep SurelyEmpty looks.
constexpr std::uint32_t kMaxDepth = 6;
/// Ways to read one value, of which a text may keep many open: half of what Machine bears.
constexpr std::size_t kMaxAlternatives = 1'000;
constexpr std::uint64_t kMaxWork = 2'000'000;

/// A plan's content as bytes, to know equal ones by.
class Key {
 public:
  Key& Add(std::uint32_t number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    return *this;
  }
  Key& Add(const std::string& text) {
    Add(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  Key& Add(std::span<const std::uint32_t> numbers) {
    Add(static_cast<std::uint32_t>(numbers.size()));
    for (const std::uint32_t number : numbers) Add(number);
    return *this;
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace

bool Expander::Spend(std::uint64_t units) {
  work_ += units + 4 * (store_.size() - regexes_);
  regexes_ = store_.size();
  return work_ <= kMaxWork && !store_.exhausted();
}

PlanId Expander::Intern(ArrayPlan plan) {
  Key key;
  key.Add(plan.prefix).Add(plan.rest).Add(plan.min).Add(plan.max).Add(plan.unique ? 1U : 0U).Add(plan.candidates);
  for (const ArrayPlan::Contained& contained : plan.contained) {
    key.Add(contained.value).Add(contained.unlike).Add(contained.from).Add(contained.min).Add(contained.max);
  }
  const auto [it, added] = array_ids_.try_emplace(key.Take(), static_cast<PlanId>(arrays_.size()));
  if (added) arrays_.push_back(std::move(plan));
  return it->second;
}

PlanId Expander::Intern(ObjectPlan plan) {
  Key key;
  key.Add(plan.min).Add(plan.max).Add(plan.declared).Add(plan.witnesses);
  for (const ObjectPlan::NameClass& names : plan.others) key.Add(names.names).Add(names.value).Add(names.witnesses);
  for (const ObjectPlan::Property& property : plan.properties) {
    key.Add(property.name).Add(property.value).Add(property.required ? 1U : 0U).Add(property.witnesses);
  }
  const auto [it, added] = object_ids_.try_emplace(key.Take(), static_cast<PlanId>(objects_.size()));
  if (added) objects_.push_back(std::move(plan));
  return it->second;
}

Result<std::vector<PlanId>> Expander::Arrays(ObligationId id) {
  if (const auto it = array_lists_.find(id); it != array_lists_.end()) return it->second;
  std::vector<PlanId> plans;
  expanding_.insert({id, kArrayKind});
  auto branches = BranchSplitter(*this, kArrayKind).Split(obligations_.literals(id));
  expanding_.erase({id, kArrayKind});
  if (!branches) return std::unexpected(std::move(branches).error());
  for (const BranchSplitter::Facts& facts : *branches) {
    STRATA_TRY(std::optional<ArrayPlan> plan, BuildArrayPlan(*this, facts.array));
    if (plan) plans.push_back(Intern(std::move(*plan)));
  }
  std::ranges::sort(plans);
  plans.erase(std::ranges::unique(plans).begin(), plans.end());
  return array_lists_[id] = std::move(plans);
}

Result<std::vector<PlanId>> Expander::Objects(ObligationId id) {
  if (const auto it = object_lists_.find(id); it != object_lists_.end()) return it->second;
  std::vector<PlanId> plans;
  expanding_.insert({id, kObjectKind});
  auto branches = BranchSplitter(*this, kObjectKind).Split(obligations_.literals(id));
  expanding_.erase({id, kObjectKind});
  if (!branches) return std::unexpected(std::move(branches).error());
  for (const BranchSplitter::Facts& facts : *branches) {
    STRATA_TRY(std::optional<ObjectPlan> plan, BuildObjectPlan(*this, facts.object));
    if (plan) plans.push_back(Intern(std::move(*plan)));
  }
  std::ranges::sort(plans);
  plans.erase(std::ranges::unique(plans).begin(), plans.end());
  return object_lists_[id] = std::move(plans);
}

Result<Values> Expander::Compute(ObligationId id) {
  Values values;
  if (id == kNoValue) return values;
  const std::vector<Literal> literals(obligations_.literals(id).begin(), obligations_.literals(id).end());
  STRATA_TRY(const Verdict verdict, scalars_.Judge(literals));
  std::vector<RegexId> texts;
  if ((verdict.none & kNullKind) == 0) texts.push_back(store_.Literal("null"));
  if ((verdict.none & kTrueKind) == 0) texts.push_back(store_.Literal("true"));
  if ((verdict.none & kFalseKind) == 0) texts.push_back(store_.Literal("false"));
  if ((verdict.none & kNumberKind) == 0) {
    STRATA_TRY(const RegexId numbers, scalars_.Numbers(literals));
    if (numbers != RegexStore::kNothing) texts.push_back(numbers);
  }
  if (!texts.empty()) values.texts = store_.Or(texts);
  if ((verdict.none & kStringKind) == 0) {
    STRATA_TRY(values.strings, scalars_.Strings(literals));
  }
  if ((verdict.none & kArrayKind) == 0) {
    STRATA_TRY(values.arrays, Arrays(id));
  }
  if ((verdict.none & kObjectKind) == 0) {
    STRATA_TRY(values.objects, Objects(id));
  }
  std::size_t alternatives = values.arrays.size();
  for (const PlanId plan : values.objects) alternatives += 1 + objects_[plan].others.size();
  if (!Spend(1) || alternatives > kMaxAlternatives) {
    return SchemaFail(ErrorCode::kUnsupported, "", "too complex: too many combinations of alternatives");
  }
  return values;
}

Result<const Values*> Expander::Expand(ObligationId id) {
  if (const auto it = values_.find(id); it != values_.end()) return &it->second;
  STRATA_TRY(Values values, Compute(id));
  return &values_.emplace(id, std::move(values)).first->second;
}

const Values* Expander::Find(ObligationId id) const {
  const auto it = values_.find(id);
  return it == values_.end() ? nullptr : &it->second;
}

bool Expander::SurelyEmpty(ObligationId id, Kinds kinds) {
  if (id == kNoValue) return true;
  if (id == kAnyValue || depth_ >= kMaxDepth || !Spend(5 + obligations_.literals(id).size())) return false;
  const auto key = std::pair(id, kinds);
  const auto [known, fresh] = emptiness_.try_emplace(key, Emptiness{.known = false, .depth = kMaxDepth});
  if (known->second.known) return true;
  // Looking again from no further out would find no more; nor does what is being looked at help itself.
  if (!fresh && known->second.depth <= depth_) return false;
  known->second.depth = depth_;
  ++depth_;
  const std::vector<Literal> literals(obligations_.literals(id).begin(), obligations_.literals(id).end());
  const HasValue may_have = [this](ObligationId part) { return !SurelyEmpty(part, kAllKinds); };
  // Whatever cannot be found out counts as a value.
  const auto has_value = [&]() -> bool {
    const auto verdict = scalars_.Judge(literals);
    if (!verdict) return true;
    const auto possible = static_cast<Kinds>(kinds & ~verdict->none);
    if ((possible & kLiteralKinds) != 0) return true;
    if ((possible & kNumberKind) != 0) {
      const auto numbers = scalars_.Numbers(literals);
      if (!numbers || *numbers != RegexStore::kNothing) return true;
    }
    if ((possible & kStringKind) != 0) {
      const auto strings = scalars_.Strings(literals);
      if (!strings || *strings != RegexStore::kNothing) return true;
    }
    if ((possible & kArrayKind) != 0) {
      if (expanding_.contains({id, kArrayKind})) return true;
      const auto plans = Arrays(id);
      if (!plans) return true;
      for (const PlanId plan : *plans) {
        if (ArrayMayExist(arrays_[plan], may_have)) return true;
      }
    }
    if ((possible & kObjectKind) != 0) {
      if (expanding_.contains({id, kObjectKind})) return true;
      const auto plans = Objects(id);
      if (!plans) return true;
      for (const PlanId plan : *plans) {
        if (ObjectMayExist(objects_[plan], may_have)) return true;
      }
    }
    return false;
  };
  const bool empty = !has_value();
  --depth_;
  if (empty) emptiness_[key].known = true;
  return empty;
}

}  // namespace strata::grammar
