#include "engine/drafter.h"

#include <algorithm>
#include <bit>

namespace strata {
namespace {

constexpr std::size_t kFewestSlots = 256;
/// A pair's hash may be shared with other pairs: so many steps along its list, whatever is found.
constexpr int kSteps = 64;

}  // namespace

// What a match predicts before anything is known: guesses, which about thirty predictions correct.
Drafter::Drafter()
    : heads_(kFewestSlots, -1), rates_{{{1.2F, 4}, {1.6F, 4}, {2.2F, 4}, {2.8F, 4}, {3.4F, 4}, {3.8F, 4}}} {}

std::size_t Drafter::ClassOf(std::int64_t match) {
  if (match <= 3) return static_cast<std::size_t>(match - kShortestMatch);
  return std::min<std::size_t>(std::bit_width(static_cast<std::uint64_t>(match)) - 1, kClasses - 1);
}

std::size_t Drafter::Slot(std::span<const TokenId> tokens, std::int64_t last) const {
  const auto one = static_cast<std::uint64_t>(static_cast<std::uint32_t>(tokens[static_cast<std::size_t>(last - 1)]));
  const auto two = static_cast<std::uint64_t>(static_cast<std::uint32_t>(tokens[static_cast<std::size_t>(last)]));
  // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high bits of a product mix all of its bits.
  return static_cast<std::size_t>(((one << 32 | two) * 0x9E3779B97F4A7C15ULL) >> 32) & (heads_.size() - 1);
}

void Drafter::Index(std::span<const TokenId> tokens, std::int64_t last) {
  if (previous_.size() > heads_.size() / 2) {
    heads_.assign(heads_.size() * 2, -1);
    const auto known = static_cast<std::int64_t>(previous_.size());
    previous_.clear();
    for (std::int64_t i = 0; i < known; ++i) Index(tokens, i);
  }
  if (last < kShortestMatch - 1) {
    previous_.push_back(-1);
    return;
  }
  std::int32_t& head = heads_[Slot(tokens, last)];
  previous_.push_back(head);
  head = static_cast<std::int32_t>(last);
}

void Drafter::Search(std::span<const TokenId> tokens, std::int64_t last) {
  if (last < kShortestMatch - 1) return;
  const auto at = [&](std::int64_t i) { return tokens[static_cast<std::size_t>(i)]; };
  int left = kCandidates;
  std::int64_t place = previous_[static_cast<std::size_t>(last)];
  for (int step = 0; step < kSteps && place >= 0 && left > 0; ++step) {
    std::int64_t match = 0;
    while (match < kLongestMatch && match <= place && at(place - match) == at(last - match)) ++match;
    if (match >= kShortestMatch) --left;
    if (match >= kShortestMatch && (source_ < 0 || match > match_)) {
      source_ = place + 1;
      match_ = match;
    }
    place = previous_[static_cast<std::size_t>(place)];
  }
}

void Drafter::Observe(std::span<const TokenId> tokens, std::int64_t prompt) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  for (auto last = static_cast<std::int64_t>(previous_.size()); last < length; ++last) {
    if (source_ >= 0) {
      const bool hit = tokens[static_cast<std::size_t>(source_)] == tokens[static_cast<std::size_t>(last)];
      rates_[ClassOf(match_)].Count(hit);
      source_ = hit ? source_ + 1 : -1;
      match_ = std::min(match_ + 1, kLongestMatch);
    }
    Index(tokens, last);
    if (last >= prompt - 1 && (source_ < 0 || match_ < kLongestMatch)) Search(tokens, last);
  }
}

const Draft& Drafter::Propose(std::span<const TokenId> tokens, std::int64_t most) {
  draft_.tokens.clear();
  draft_.chances.clear();
  if (source_ < 0) return draft_;
  const auto length = static_cast<std::int64_t>(tokens.size());
  float chance = 1;
  for (std::int64_t i = 0; i < most; ++i) {
    // A match that reaches the end goes on in what it predicts itself: text that repeats with a short period.
    const std::int64_t from = source_ + i;
    draft_.tokens.push_back(from < length ? tokens[static_cast<std::size_t>(from)]
                                          : draft_.tokens[static_cast<std::size_t>(from - length)]);
    chance *= rates_[ClassOf(std::min(match_ + i, kLongestMatch))].value();
    draft_.chances.push_back(chance);
  }
  return draft_;
}

}  // namespace strata
