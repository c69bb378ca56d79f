#include "grammar/completion.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <queue>
#include <span>
#include <unordered_set>
#include <vector>

namespace strata::grammar {
namespace {

/// What the way out of a call is taken to cost, in bytes.
constexpr std::int64_t kCallBytes = 8;
/// Configs that one search looks at.
constexpr std::size_t kMostConfigs = 1'000;
/// A longer completion is of no use: nobody keeps so many tokens back for it.
constexpr std::uint32_t kMostBytes = 4'096;

/// Bytes to try, the better later, and what closes is best of all. A text seldom gets shorter by white space,
/// characters of several bytes or escapes: what `which` leaves out comes only where there is nothing else.
std::vector<std::uint8_t> Candidates(const ByteSet& may, BytesToTry which) {
  constexpr std::string_view kClosing = ">]}\"";
  std::vector<std::uint8_t> plain, wide, escape, closing;
  for (int b = 255; b >= 0; --b) {
    const auto byte = static_cast<std::uint8_t>(b);
    if (!may.Contains(byte) || kClosing.contains(static_cast<char>(b))) continue;
    (b == '\\' ? escape : b > ' ' && b < 0x7F ? plain : wide).push_back(byte);
  }
  for (const char byte : kClosing) {
    if (may.Contains(static_cast<std::uint8_t>(byte))) closing.push_back(static_cast<std::uint8_t>(byte));
  }
  if (which == BytesToTry::kPlain && !(plain.empty() && closing.empty())) wide.clear();
  if (which != BytesToTry::kAll && !(plain.empty() && closing.empty() && wide.empty())) escape.clear();
  std::vector<std::uint8_t> bytes = std::move(escape);
  for (const auto* more : {&wide, &plain, &closing}) bytes.insert(bytes.end(), more->begin(), more->end());
  return bytes;
}

}  // namespace

const Completions::Way* Completions::KnownWay(ConfigId config) const {
  const auto known = ways_.find(config);
  return known != ways_.end() && known->second.next != kDeadConfig ? &known->second : nullptr;
}

template <class Cost>
Completions::Found Completions::Search(ConfigId from, BytesToTry which, Cost cost) {
  struct Place {
    ConfigId config;
    std::uint32_t parent;
    std::uint32_t bytes;
    std::uint8_t byte;
  };
  struct Entry {
    std::int64_t cost;
    std::uint32_t place;
    bool operator<(const Entry& other) const {  // of equals, what was found last
      return cost != other.cost ? cost > other.cost : place < other.place;
    }
  };
  std::vector<Place> places = {{from, 0, 0, 0}};
  std::priority_queue<Entry> open;
  open.push({0, 0});
  std::unordered_set<ConfigId> seen = {from};
  bool everything = true;
  for (std::size_t looked = 0; !open.empty(); ++looked) {
    if (looked == kMostConfigs || machine_.exhausted()) return {};
    const std::uint32_t at = open.top().place;
    open.pop();
    const Place place = places[at];
    const Way* known = KnownWay(place.config);
    if (known != nullptr || machine_.Accepts(place.config)) {
      // What lies behind each place of the path is known from now on.
      std::string text;
      std::uint32_t left = known != nullptr ? known->bytes : 0;
      for (std::uint32_t p = at; p != 0; p = places[p].parent) {
        text.push_back(static_cast<char>(places[p].byte));
        ways_.insert_or_assign(places[places[p].parent].config, Way{++left, places[p].byte, places[p].config});
      }
      std::ranges::reverse(text);
      for (; known != nullptr; known = KnownWay(known->next)) text.push_back(static_cast<char>(known->byte));
      return {.text = std::move(text)};
    }
    if (place.bytes == kMostBytes) {
      everything = false;
      continue;
    }
    for (const std::uint8_t byte : Candidates(machine_.MayFollow(place.config), which)) {
      const ConfigId next = machine_.Step(place.config, byte);
      if (next == kDeadConfig || !seen.insert(next).second) continue;
      const Place found{next, at, place.bytes + 1, byte};
      const Way* way = KnownWay(next);
      open.push({way != nullptr ? cost(0, found.bytes + way->bytes) : cost(machine_.Depth(next), found.bytes),
                 static_cast<std::uint32_t>(places.size())});
      places.push_back(found);
    }
  }
  return {.text = std::nullopt, .everything = everything};
}

std::optional<std::string> Completions::Find(ConfigId from) {
  if (machine_.Accepts(from)) return "";
  if (const auto known = ways_.find(from); known != ways_.end() && known->second.next == kDeadConfig) {
    return std::nullopt;
  }
  const auto shortest = [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes + bytes; };
  // Without the bytes that seldom help a text may go round in circles: a pattern asks for one of them.
  Found found;
  BytesToTry which = BytesToTry::kPlain;
  for (const BytesToTry more : {BytesToTry::kPlain, BytesToTry::kUnescaped, BytesToTry::kAll}) {
    which = more;
    found = Search(from, which, shortest);
    if (found.text || !found.everything) break;
  }
  // Too many ways: straight on, whatever comes first.
  const auto straight = [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes - bytes; };
  if (!found.text) found = Search(from, which, straight);
  if (!found.text && which != BytesToTry::kAll) found = Search(from, BytesToTry::kAll, straight);
  if (!found.text) ways_.insert_or_assign(from, Way{0, 0, kDeadConfig});
  return found.text;
}

}  // namespace strata::grammar
