#include "grammar/regex.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/hash.h"
#include "base/unicode.h"

namespace strata::grammar {
namespace {

template <class T>
std::uint64_t HashSpan(std::span<const T> values, std::uint64_t seed) {
  return Hash64(std::as_bytes(values), seed);
}

/// Appends a step, joined with the one before it where the two are neighbours with one target.
void AppendStep(std::vector<RegexStep>& steps, char32_t first, char32_t last, RegexId next) {
  if (!steps.empty() && steps.back().next == next && steps.back().last + 1 == first) {
    steps.back().last = last;
  } else {
    steps.push_back({first, last, next});
  }
}

}  // namespace

RegexStore::RegexStore(std::size_t allowed) : allowed_(allowed) {
  nodes_.push_back({.kind = Kind::kNothing, .nullable = false, .emptiness = Emptiness::kNothing});
  nodes_.push_back({.kind = Kind::kEmpty, .nullable = true, .emptiness = Emptiness::kSome});
  nodes_.push_back({.kind = Kind::kNot, .nullable = true, .emptiness = Emptiness::kSome, .a = kNothing});
}

RegexId RegexStore::Intern(Node node, std::span<const RegexId> operands) {
  const std::array<std::uint32_t, 5> content = {static_cast<std::uint32_t>(node.kind), operands.empty() ? node.a : 0,
                                                operands.empty() ? node.b : 0, node.c, node.depth};
  const std::uint64_t hash = HashSpan(operands, HashSpan(std::span<const std::uint32_t>(content), 0));
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Node& other = nodes_[it->second];
    if (other.kind != node.kind || other.c != node.c || other.depth != node.depth) continue;
    if (operands.empty() ? other.a == node.a && other.b == node.b : std::ranges::equal(Operands(other), operands)) {
      return it->second;
    }
  }
  if (exhausted_ || nodes_.size() >= allowed_) {
    exhausted_ = true;
    return kNothing;
  }
  if (!operands.empty()) {
    node.a = static_cast<std::uint32_t>(operands_.size());
    node.b = static_cast<std::uint32_t>(operands.size());
    operands_.insert(operands_.end(), operands.begin(), operands.end());
  }
  const auto id = static_cast<RegexId>(nodes_.size());
  nodes_.push_back(std::move(node));
  index_.emplace(hash, id);
  return id;
}

RegexId RegexStore::Set(const CharSet& set) {
  if (set.empty()) return kNothing;
  const std::uint64_t hash = HashSpan(set.ranges(), 1);
  const auto [begin, end] = set_index_.equal_range(hash);
  auto it = std::find_if(begin, end, [&](const auto& entry) { return sets_[entry.second] == set; });
  if (it == end) {
    it = set_index_.emplace(hash, static_cast<std::uint32_t>(sets_.size()));
    sets_.push_back(set);
  }
  return Intern({.kind = Kind::kSet, .nullable = false, .emptiness = Emptiness::kSome, .a = it->second});
}

RegexId RegexStore::Literal(std::string_view utf8) {
  const std::u32string text = ToCodePoints(utf8);
  RegexId result = kEmpty;
  for (auto c = text.rbegin(); c != text.rend(); ++c) result = Concat(Char(*c), result);
  return result;
}

RegexId RegexStore::Concat(RegexId a, RegexId b) {
  if (a == kNothing || b == kNothing) return kNothing;
  if (a == kEmpty) return b;
  if (b == kEmpty) return a;
  if (a == kAnything && b == kAnything) return kAnything;
  if (nodes_[a].kind == Kind::kConcat) {  // to the right, so that equal languages meet in one form
    const RegexId first = nodes_[a].a, second = nodes_[a].b;
    return Concat(first, Concat(second, b));
  }
  const Node &x = nodes_[a], &y = nodes_[b];
  const bool some = x.emptiness == Emptiness::kSome && y.emptiness == Emptiness::kSome;
  return Intern({.kind = Kind::kConcat,
                 .nullable = x.nullable && y.nullable,
                 .emptiness = some ? Emptiness::kSome : Emptiness::kUnknown,
                 .a = a,
                 .b = b});
}

RegexId RegexStore::Concat(std::span<const RegexId> parts) {
  RegexId result = kEmpty;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) result = Concat(*part, result);
  return result;
}

RegexId RegexStore::Or(std::span<const RegexId> parts) { return Combine(Kind::kOr, parts); }
RegexId RegexStore::And(std::span<const RegexId> parts) { return Combine(Kind::kAnd, parts); }

/// kOr and kAnd are each other's dual: `zero` decides the whole, `one` changes nothing.
RegexId RegexStore::Combine(Kind kind, std::span<const RegexId> parts) {
  const bool is_or = kind == Kind::kOr;
  const RegexId zero = is_or ? kAnything : kNothing, one = is_or ? kNothing : kAnything;
  std::vector<RegexId> operands;
  std::optional<CharSet> set;
  const auto add = [&](RegexId id) {
    if (nodes_[id].kind == Kind::kSet) {
      const CharSet& other = sets_[nodes_[id].a];
      set = !set ? other : is_or ? set->Union(other) : set->Intersection(other);
    } else {
      operands.push_back(id);
    }
  };
  for (const RegexId part : parts) {
    if (part == zero) return zero;
    if (part == one) continue;
    if (nodes_[part].kind == kind) {
      for (const RegexId inner : Operands(nodes_[part])) add(inner);
    } else {
      add(part);
    }
  }
  if (set) {
    if (set->empty()) return kNothing;  // an intersection of classes without a common member
    operands.push_back(Set(*set));
  }
  std::ranges::sort(operands);
  operands.erase(std::ranges::unique(operands).begin(), operands.end());
  const auto nullable = [&](RegexId id) { return nodes_[id].nullable; };
  if (std::ranges::binary_search(operands, kEmpty)) {
    if (!is_or) return std::ranges::all_of(operands, nullable) ? kEmpty : kNothing;
    if (std::ranges::count_if(operands, nullable) > 1) std::erase(operands, kEmpty);
  }
  for (const RegexId id : operands) {
    if (nodes_[id].kind == Kind::kNot && std::ranges::binary_search(operands, nodes_[id].a)) return zero;
  }
  if (operands.empty()) return one;
  if (operands.size() == 1) return operands.front();
  const bool all_nullable = is_or ? std::ranges::any_of(operands, nullable) : std::ranges::all_of(operands, nullable);
  const bool some =
      all_nullable ||
      (is_or && std::ranges::any_of(operands, [&](RegexId id) { return nodes_[id].emptiness == Emptiness::kSome; }));
  return Intern({.kind = kind, .nullable = all_nullable, .emptiness = some ? Emptiness::kSome : Emptiness::kUnknown},
                operands);
}

RegexId RegexStore::Not(RegexId a) {
  if (a == kNothing) return kAnything;
  if (nodes_[a].kind == Kind::kNot) return nodes_[a].a;
  const bool nullable = !nodes_[a].nullable;
  return Intern({.kind = Kind::kNot,
                 .nullable = nullable,
                 .emptiness = nullable ? Emptiness::kSome : Emptiness::kUnknown,
                 .a = a});
}

RegexId RegexStore::Repeat(RegexId a, std::uint32_t min, std::uint32_t max) {
  if (max == 0 || a == kEmpty) return kEmpty;
  if (a == kNothing) return min == 0 ? kEmpty : kNothing;
  if (a == kAnything) return kAnything;
  if (nodes_[a].nullable) min = 0;
  if (min == 1 && max == 1) return a;
  const Node& node = nodes_[a];
  if (node.kind == Kind::kRepeat && node.b == 0 && node.c == kUnbounded) return a;  // (x*){…} is x*
  if (max == kUnbounded && min == 0 && node.kind == Kind::kSet && sets_[node.a] == CharSet::All()) return kAnything;
  const bool some = min == 0 || node.emptiness == Emptiness::kSome;
  return Intern({.kind = Kind::kRepeat,
                 .nullable = min == 0,
                 .emptiness = some ? Emptiness::kSome : Emptiness::kUnknown,
                 .a = a,
                 .b = min,
                 .c = max});
}

RegexId RegexStore::OneOf(const std::vector<std::string>& words) {
  Words list;
  std::vector<std::u32string> decoded;
  decoded.reserve(words.size());
  for (const std::string& word : words) decoded.push_back(ToCodePoints(word));
  std::vector<std::int32_t> order(words.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int32_t i) -> const std::u32string& { return decoded[i]; });
  for (const std::int32_t i : order) {
    if (!list.words.empty() && list.words.back() == decoded[i]) continue;
    list.words.push_back(decoded[i]);
    list.original.push_back(i);
  }
  if (list.words.empty()) return kNothing;
  const auto count = static_cast<std::uint32_t>(list.words.size());
  words_.push_back(std::move(list));
  return MakeWords(static_cast<std::uint32_t>(words_.size() - 1), 0, count, 0);
}

RegexId RegexStore::MakeWords(std::uint32_t list, std::uint32_t first, std::uint32_t end, std::uint32_t depth) {
  return Intern({.kind = Kind::kWords,
                 .nullable = words_[list].words[first].size() == depth,
                 .emptiness = Emptiness::kSome,
                 .a = list,
                 .b = first,
                 .c = end,
                 .depth = depth});
}

RegexId RegexStore::MakeResidue(std::uint32_t modulus, std::uint32_t remainder, std::uint32_t places,
                                DecimalPart part) {
  std::uint64_t scale = 1, padded = remainder;  // as if zeros followed
  for (std::uint32_t i = 0; i < places; ++i) {
    scale = std::min<std::uint64_t>(scale * 10, modulus);
    padded = padded * 10 % modulus;
  }
  // Behind the point no more than `places` digits can still make up for the remainder.
  if (part != DecimalPart::kWhole && padded != 0 && modulus - padded >= scale) return kNothing;
  return Intern({.kind = Kind::kResidue,
                 .nullable = part != DecimalPart::kPoint && padded == 0,
                 .emptiness = Emptiness::kSome,
                 .a = modulus,
                 .b = remainder,
                 .c = places,
                 .depth = static_cast<std::uint32_t>(part)});
}

std::vector<RegexStep> RegexStore::ResidueSteps(std::uint32_t modulus, std::uint32_t remainder, std::uint32_t places,
                                                DecimalPart part) {
  std::vector<RegexStep> steps;
  const bool whole = part == DecimalPart::kWhole;
  const auto add = [&](char32_t c, RegexId next) {
    if (next != kNothing) AppendStep(steps, c, c, next);
  };
  if (whole) add('.', MakeResidue(modulus, remainder, places, DecimalPart::kPoint));
  for (std::uint32_t digit = 0; digit < 10; ++digit) {
    if (!whole && places == 0 && digit > 0) break;  // only zeros change nothing
    const std::uint32_t value = !whole && places == 0 ? remainder : (remainder * 10 + digit) % modulus;
    add('0' + digit, MakeResidue(modulus, value, whole || places == 0 ? places : places - 1,
                                 whole ? DecimalPart::kWhole : DecimalPart::kFraction));
  }
  return steps;
}

std::int32_t RegexStore::MatchedWord(RegexId id) const {
  const Node& node = nodes_[id];
  return node.kind == Kind::kWords && node.nullable ? words_[node.a].original[node.b] : -1;
}

std::span<const RegexStep> RegexStore::Steps(RegexId id) {
  if (!nodes_[id].pruned) {
    std::vector<RegexStep> live;
    for (const RegexStep& step : RawSteps(id)) {
      if (!IsNothing(step.next)) AppendStep(live, step.first, step.last, step.next);
    }
    nodes_[id].steps = std::move(live);
    nodes_[id].pruned = nodes_[id].stepped = true;
  }
  return nodes_[id].steps;
}

const std::vector<RegexStep>& RegexStore::RawSteps(RegexId id) {
  if (!nodes_[id].stepped) {
    std::vector<RegexStep> steps = ComputeSteps(id);
    nodes_[id].steps = std::move(steps);
    nodes_[id].stepped = true;
  }
  return nodes_[id].steps;
}

std::vector<RegexStep> RegexStore::ComputeSteps(RegexId id) {
  const Node& node = nodes_[id];
  std::vector<RegexStep> steps;
  switch (node.kind) {
    case Kind::kNothing:
    case Kind::kEmpty:
      break;
    case Kind::kSet:
      for (const CharRange& range : sets_[node.a].ranges()) steps.push_back({range.first, range.last, kEmpty});
      break;
    case Kind::kConcat: {
      std::vector<RegexStep> first = RawSteps(node.a);
      for (RegexStep& step : first) step.next = Concat(step.next, node.b);
      if (!nodes_[node.a].nullable) return first;
      const std::array<const std::vector<RegexStep>*, 2> both = {&first, &RawSteps(node.b)};
      return MergeSteps(Kind::kOr, both);
    }
    case Kind::kOr:
    case Kind::kAnd: {
      std::vector<const std::vector<RegexStep>*> lists;
      lists.reserve(node.b);
      for (std::uint32_t i = 0; i < node.b; ++i) lists.push_back(&RawSteps(operands_[node.a + i]));
      return MergeSteps(node.kind, lists);
    }
    case Kind::kNot: {
      std::vector<CharRange> covered;
      for (const RegexStep& step : RawSteps(node.a)) {
        covered.push_back({step.first, step.last});
        if (const RegexId next = Not(step.next); next != kNothing) steps.push_back({step.first, step.last, next});
      }
      for (const CharRange& gap : CharSet(std::move(covered)).Complement().ranges()) {
        steps.push_back({gap.first, gap.last, kAnything});
      }
      std::ranges::sort(steps, {}, &RegexStep::first);
      break;
    }
    case Kind::kRepeat: {
      const RegexId rest = Repeat(node.a, node.b == 0 ? 0 : node.b - 1, node.c == kUnbounded ? kUnbounded : node.c - 1);
      steps = RawSteps(node.a);
      for (RegexStep& step : steps) step.next = Concat(step.next, rest);
      break;
    }
    case Kind::kWords: {
      std::uint32_t first = node.b;
      if (node.nullable) ++first;
      while (first < node.c) {
        const char32_t c = words_[node.a].words[first][node.depth];
        // Words are many at the root: the end of those that go on with c is searched, not counted.
        const auto& words = words_[node.a].words;
        const auto end = static_cast<std::uint32_t>(
            std::partition_point(words.begin() + first, words.begin() + node.c,
                                 [&](const std::u32string& word) { return word[node.depth] <= c; }) -
            words.begin());
        steps.push_back({c, c, MakeWords(node.a, first, end, node.depth + 1)});
        first = end;
      }
      break;
    }
    case Kind::kResidue:
      return ResidueSteps(node.a, node.b, node.c, static_cast<DecimalPart>(node.depth));
  }
  return steps;
}

std::vector<RegexStep> RegexStore::MergeSteps(Kind kind, std::span<const std::vector<RegexStep>* const> lists) {
  std::vector<std::size_t> at(lists.size(), 0);
  std::vector<RegexStep> merged;
  std::vector<RegexId> targets, previous;
  RegexId combined = kNothing;
  for (char32_t first = 0; first <= kLastCodePoint;) {
    // The longest stretch from `first` within which each list has one target, or none.
    char32_t last = kLastCodePoint;
    targets.clear();
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const std::vector<RegexStep>& list = *lists[i];
      while (at[i] < list.size() && list[at[i]].last < first) ++at[i];
      if (at[i] == list.size()) continue;
      const RegexStep& step = list[at[i]];
      if (step.first > first) {
        last = std::min<char32_t>(last, step.first - 1);
      } else {
        last = std::min<char32_t>(last, step.last);
        targets.push_back(step.next);
      }
    }
    if (!targets.empty() && (kind == Kind::kOr || targets.size() == lists.size())) {
      if (targets != previous) {
        combined = Combine(kind, targets);
        previous = targets;
      }
      if (combined != kNothing) AppendStep(merged, first, last, combined);
    }
    first = last + 1;
  }
  return merged;
}

bool RegexStore::IsNothing(RegexId id) {
  if (nodes_[id].emptiness == Emptiness::kUnknown) {
    nodes_[id].emptiness = Explore(id) ? Emptiness::kSome : Emptiness::kNothing;
  }
  return nodes_[id].emptiness == Emptiness::kNothing;
}

/// Whether some string leads from `id` to acceptance: depth first, the first that is found decides.
bool RegexStore::Explore(RegexId id) {
  struct Visit {
    RegexId id;
    const std::vector<RegexStep>* steps;
    std::size_t next = 0;
  };
  std::vector<Visit> path;
  std::unordered_map<RegexId, bool> seen;
  const auto enter = [&](RegexId to) {
    seen.emplace(to, true);
    path.push_back({to, &RawSteps(to)});
  };
  enter(id);
  while (!path.empty()) {
    Visit& visit = path.back();
    if (visit.next == visit.steps->size()) {
      path.pop_back();
      continue;
    }
    const RegexId to = (*visit.steps)[visit.next++].next;
    if (nodes_[to].emptiness == Emptiness::kSome) {
      for (const Visit& each : path) nodes_[each.id].emptiness = Emptiness::kSome;
      return true;
    }
    if (nodes_[to].emptiness == Emptiness::kUnknown && !seen.contains(to)) {
      if (exhausted_) return false;
      enter(to);
    }
  }
  for (const auto& [each, _] : seen) nodes_[each].emptiness = Emptiness::kNothing;  // closed, and nothing accepts
  return false;
}

RegexId RegexStore::Derivative(RegexId id, char32_t c) {
  const std::span<const RegexStep> steps = Steps(id);
  const auto at = std::ranges::upper_bound(steps, c, {}, &RegexStep::first);
  if (at == steps.begin() || std::prev(at)->last < c) return kNothing;
  return std::prev(at)->next;
}

bool RegexStore::Matches(RegexId id, std::string_view utf8) {
  for (const char32_t c : ToCodePoints(utf8)) {
    id = Derivative(id, c);
    if (id == kNothing) return false;
  }
  return Nullable(id);
}

std::optional<std::uint64_t> RegexStore::CountUpTo(RegexId id, std::uint64_t limit) {
  if (IsNothing(id)) return 0;
  struct Visit {
    RegexId id;
    std::size_t next = 0;
    std::uint64_t count;
  };
  std::unordered_map<RegexId, std::optional<std::uint64_t>> counts;  // without a value: on the path
  std::vector<Visit> path = {{id, 0, Nullable(id) ? 1ull : 0}};
  counts[id];
  while (true) {
    Visit& visit = path.back();
    const std::span<const RegexStep> steps = Steps(visit.id);
    if (visit.next == steps.size()) {
      const std::uint64_t count = visit.count;
      counts[visit.id] = count;
      path.pop_back();
      if (path.empty()) return count;
      continue;
    }
    const RegexStep step = steps[visit.next];
    const auto known = counts.find(step.next);
    if (known == counts.end()) {
      if (path.size() > kMaxNodes) return std::nullopt;
      counts[step.next];
      path.push_back({step.next, 0, Nullable(step.next) ? 1ull : 0});
      continue;
    }
    if (!known->second) return std::nullopt;  // a loop
    ++visit.next;
    visit.count += (step.last - step.first + 1) * *known->second;
    if (visit.count > limit) return std::nullopt;
  }
}

}  // namespace strata::grammar
