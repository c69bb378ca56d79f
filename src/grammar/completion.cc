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

/// Bytes to try, the better later: nothing gets shorter by escapes, by characters of several bytes or by white space,
/// and what closes is best of all.
std::vector<std::uint8_t> Candidates(const ByteSet& may) {
  constexpr std::string_view kClosing = ">]}\"";
  std::vector<std::uint8_t> plain, other, closing;
  for (int b = 255; b >= 0; --b) {
    const auto byte = static_cast<std::uint8_t>(b);
    if (!may.Contains(byte)) continue;
    if (kClosing.contains(static_cast<char>(b))) continue;
    (b > ' ' && b < 0x7F && b != '\\' ? plain : other).push_back(byte);
  }
  for (const char byte : kClosing) {
    if (may.Contains(static_cast<std::uint8_t>(byte))) closing.push_back(static_cast<std::uint8_t>(byte));
  }
  if (plain.empty() && closing.empty()) return other;
  plain.insert(plain.end(), closing.begin(), closing.end());
  return plain;
}

}  // namespace

const Completions::Way* Completions::KnownWay(ConfigId config) const {
  const auto known = ways_.find(config);
  return known != ways_.end() && known->second.next != kDeadConfig ? &known->second : nullptr;
}

/// Best first: `cost(calls still open, bytes so far)` is least.
template <class Cost>
std::optional<std::string> Completions::Search(ConfigId from, Cost cost) {
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
  for (std::size_t looked = 0; !open.empty() && looked < kMostConfigs && !machine_.exhausted(); ++looked) {
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
      return text;
    }
    if (place.bytes == kMostBytes) continue;
    for (const std::uint8_t byte : Candidates(machine_.MayFollow(place.config))) {
      const ConfigId next = machine_.Step(place.config, byte);
      if (next == kDeadConfig || !seen.insert(next).second) continue;
      const Place found{next, at, place.bytes + 1, byte};
      const Way* way = KnownWay(next);
      open.push({way != nullptr ? cost(0, found.bytes + way->bytes) : cost(machine_.Depth(next), found.bytes),
                 static_cast<std::uint32_t>(places.size())});
      places.push_back(found);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Completions::Find(ConfigId from) {
  if (machine_.Accepts(from)) return "";
  if (const auto known = ways_.find(from); known != ways_.end() && known->second.next == kDeadConfig) {
    return std::nullopt;
  }
  const auto shortest = [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes + bytes; };
  auto text = Search(from, shortest);
  // Too many ways: straight on, whatever comes first.
  if (!text) text = Search(from, [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes - bytes; });
  if (!text) ways_.insert_or_assign(from, Way{0, 0, kDeadConfig});
  return text;
}

}  // namespace strata::grammar
