#include "grammar/json_schema/array_progress.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "grammar/json_schema/schema_reader.h"

namespace strata::grammar {
namespace {

/// Items that are counted one by one where `contains` counts, too.
constexpr std::uint32_t kMaxCounted = 1'000;

}  // namespace

ArrayWalker::ArrayWalker(Obligations& obligations, const ArrayPlan& plan, HasValue has_value)
    : obligations_(obligations), plan_(plan), has_value_(std::move(has_value)) {}

bool ArrayWalker::MayEnd(const ArrayProgress& progress) const {
  for (std::size_t i = 0; i < plan_.contained.size(); ++i) {
    if (progress.found[i] < plan_.contained[i].min) return false;
  }
  return progress.index >= plan_.min;
}

ArrayProgress ArrayWalker::Advance(ArrayProgress progress) const {
  ++progress.index;
  if (plan_.max == kUnbounded) {
    std::uint32_t matters = std::max(static_cast<std::uint32_t>(plan_.prefix.size()), plan_.min);
    for (const ArrayPlan::Contained& contained : plan_.contained) matters = std::max(matters, contained.from);
    progress.index = std::min(progress.index, matters);
  }
  return progress;
}

std::vector<ArrayWalker::Item> ArrayWalker::Moves(const ArrayProgress& progress) const {
  std::vector<Item> items;
  if (progress.index >= plan_.max) return items;
  const ObligationId base = plan_.ItemAt(progress.index);
  const auto add = [&](Result<ObligationId> value, const ArrayProgress& next) {
    if (value && has_value_(*value)) items.push_back({*value, next});
  };
  if (plan_.unique) {
    for (std::size_t i = 0; i < plan_.candidates.size(); ++i) {
      if ((progress.used >> i & 1) != 0) continue;
      ArrayProgress next = Advance(progress);
      next.used |= std::uint64_t{1} << i;
      const auto constant = obligations_.Make({{plan_.candidates[i], true}});
      if (constant) add(obligations_.And(base, *constant), next);
    }
    return items;
  }
  const std::size_t n = plan_.contained.size();
  for (std::uint32_t chosen = 0; chosen < (1U << n); ++chosen) {
    Result<ObligationId> value = base;
    ArrayProgress next = Advance(progress);
    bool possible = true;
    for (std::size_t i = 0; i < n && possible && value; ++i) {
      const ArrayPlan::Contained& contained = plan_.contained[i];
      const bool counts = (chosen >> i & 1) != 0;
      const bool exact = contained.max != kUnbounded && progress.index >= contained.from;
      if (counts) {
        const std::uint32_t limit = contained.max != kUnbounded ? contained.max : contained.min;
        possible = progress.index >= contained.from && progress.found[i] < limit;
        value = obligations_.And(*value, contained.value);
        ++next.found[i];
      } else if (exact) {
        value = obligations_.And(*value, contained.unlike);
      }
    }
    if (possible) add(value, next);
  }
  return items;
}

bool ArrayWalker::CanFinishUnique(const ArrayProgress& progress) const {
  if (progress.index >= plan_.min) return true;
  const std::size_t places = plan_.min - progress.index;
  if (places > plan_.candidates.size()) return false;
  // A matching of the places that must be filled with candidates that are left (Kuhn's augmenting paths).
  std::vector<std::uint64_t> allowed(places, 0);
  for (std::size_t place = 0; place < places; ++place) {
    ArrayProgress at = progress;
    at.index += static_cast<std::uint32_t>(place);
    for (const Item& item : Moves(at)) allowed[place] |= item.next.used & ~progress.used;
  }
  std::array<std::size_t, kMaxCandidates> holder;
  holder.fill(places);
  std::uint64_t visited = 0;
  const std::function<bool(std::size_t)> place_in = [&](std::size_t place) {
    for (std::uint64_t left = allowed[place] & ~visited; left != 0; left = allowed[place] & ~visited) {
      const auto candidate = static_cast<std::size_t>(std::countr_zero(left));
      visited |= std::uint64_t{1} << candidate;
      if (holder[candidate] == places || place_in(holder[candidate])) {
        holder[candidate] = place;
        return true;
      }
    }
    return false;
  };
  for (std::size_t place = 0; place < places; ++place) {
    visited = 0;
    if (!place_in(place)) return false;
  }
  return true;
}

bool ArrayWalker::CanFinish(const ArrayProgress& progress) {
  if (plan_.unique) return CanFinishUnique(progress);
  if (plan_.contained.empty()) {
    for (std::uint32_t i = progress.index; i < plan_.min; ++i) {
      if (!has_value_(plan_.ItemAt(i))) return false;
      if (i >= plan_.prefix.size()) break;  // the rest are alike
    }
    return true;
  }
  if (MayEnd(progress)) return true;
  if (const auto it = can_finish_.find(progress); it != can_finish_.end()) return it->second;
  can_finish_[progress] = false;  // a way that comes back here is no way
  for (const Item& item : Moves(progress)) {
    if (CanFinish(item.next)) return can_finish_[progress] = true;
  }
  return false;
}

std::vector<ArrayWalker::Item> ArrayWalker::Items(const ArrayProgress& progress) {
  std::vector<Item> items = Moves(progress);
  std::erase_if(items, [this](const Item& item) { return !CanFinish(item.next); });
  return items;
}

Result<std::vector<ObligationId>> Demands(Obligations& obligations, const ArrayPlan& plan) {
  if (!plan.contained.empty()) {
    std::uint64_t counted = plan.max != kUnbounded ? plan.max : plan.min;
    for (const ArrayPlan::Contained& contained : plan.contained) counted += contained.from + contained.min;
    if (counted > kMaxCounted) {
      return SchemaFail(ErrorCode::kUnsupported, "", "too complex: contains among more than {} items", kMaxCounted);
    }
  }
  std::vector<ObligationId> demands;
  std::vector<ObligationId> items = plan.prefix;
  if (plan.max > plan.prefix.size()) items.push_back(plan.rest);
  for (const ObligationId item : items) {
    if (plan.unique) {
      for (const SchemaId candidate : plan.candidates) {
        STRATA_TRY(const ObligationId constant, obligations.Make({{candidate, true}}));
        STRATA_TRY(demands.emplace_back(), obligations.And(item, constant));
      }
      continue;
    }
    std::vector<ObligationId> combined = {item};
    for (const ArrayPlan::Contained& contained : plan.contained) {
      const std::size_t before = combined.size();
      for (std::size_t i = 0; i < before; ++i) {
        STRATA_TRY(combined.emplace_back(), obligations.And(combined[i], contained.value));
        if (contained.max == kUnbounded) continue;
        STRATA_TRY(combined.emplace_back(), obligations.And(combined[i], contained.unlike));
      }
    }
    demands.insert(demands.end(), combined.begin(), combined.end());
  }
  return demands;
}

bool ArrayMayExist(const ArrayPlan& plan, const HasValue& may_have) {
  for (std::uint32_t i = 0; i < plan.min; ++i) {
    if (!may_have(plan.ItemAt(i))) return false;
    if (i >= plan.prefix.size()) break;
  }
  return std::ranges::all_of(plan.contained, [&may_have](const ArrayPlan::Contained& contained) {
    return contained.min == 0 || may_have(contained.value);
  });
}

}  // namespace strata::grammar
