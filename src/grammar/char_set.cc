#include "grammar/char_set.h"

#include <algorithm>

namespace strata::grammar {
namespace {

constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

/// Appends a range without what are not characters.
void Append(std::vector<CharRange>& ranges, char32_t first, char32_t last) {
  last = std::min(last, kLastCodePoint);
  if (first > last) return;
  if (first < kFirstSurrogate) ranges.push_back({first, std::min<char32_t>(last, kFirstSurrogate - 1)});
  if (last > kLastSurrogate) ranges.push_back({std::max<char32_t>(first, kLastSurrogate + 1), last});
}

}  // namespace

CharSet::CharSet(std::vector<CharRange> ranges) {
  std::vector<CharRange> clean;
  clean.reserve(ranges.size());
  for (const CharRange& range : ranges) Append(clean, range.first, range.last);
  std::ranges::sort(clean, {}, &CharRange::first);
  for (const CharRange& range : clean) {
    // Ranges on both sides of the surrogates stay apart, so that first and last are always characters' neighbours.
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

CharSet CharSet::All() { return CharSet({{0, kLastCodePoint}}); }

CharSet CharSet::Union(const CharSet& other) const {
  std::vector<CharRange> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(all));
}

CharSet CharSet::Intersection(const CharSet& other) const {
  std::vector<CharRange> common;
  for (auto a = ranges_.begin(), b = other.ranges_.begin(); a != ranges_.end() && b != other.ranges_.end();) {
    const char32_t first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) common.push_back({first, last});
    ++(a->last < b->last ? a : b);
  }
  return CharSet(std::move(common));
}

CharSet CharSet::Complement() const {
  std::vector<CharRange> gaps;
  char32_t next = 0;
  for (const CharRange& range : ranges_) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) gaps.push_back({next, kLastCodePoint});
  return CharSet(std::move(gaps));
}

bool CharSet::Meets(char32_t first, char32_t last) const {
  const auto at = std::ranges::lower_bound(ranges_, first, {}, &CharRange::last);
  return at != ranges_.end() && at->first <= last;
}

}  // namespace strata::grammar
