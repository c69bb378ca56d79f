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

/// Best first: `cost(calls still open, bytes so far)` is least.
template <class Cost>
std::optional<std::string> Search(Machine& machine, ConfigId from, Cost cost) {
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
  for (std::size_t looked = 0; !open.empty() && looked < kMostConfigs && !machine.exhausted(); ++looked) {
    const std::uint32_t at = open.top().place;
    open.pop();
    const Place place = places[at];
    if (machine.Accepts(place.config)) {
      std::string text;
      for (std::uint32_t p = at; p != 0; p = places[p].parent) text.push_back(static_cast<char>(places[p].byte));
      std::ranges::reverse(text);
      return text;
    }
    if (place.bytes == kMostBytes) continue;
    for (const std::uint8_t byte : Candidates(machine.MayFollow(place.config))) {
      const ConfigId next = machine.Step(place.config, byte);
      if (next == kDeadConfig || !seen.insert(next).second) continue;
      const Place found{next, at, place.bytes + 1, byte};
      open.push({cost(machine.Depth(next), found.bytes), static_cast<std::uint32_t>(places.size())});
      places.push_back(found);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FindCompletion(Machine& machine, ConfigId from) {
  const auto shortest = [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes + bytes; };
  if (auto text = Search(machine, from, shortest)) return text;
  // Too many ways: straight on, whatever comes first.
  return Search(machine, from, [](std::int64_t calls, std::int64_t bytes) { return calls * kCallBytes - bytes; });
}

}  // namespace strata::grammar
