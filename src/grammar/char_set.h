// Sets of Unicode code points as sorted, disjoint, inclusive ranges. Surrogates are never members: text is UTF-8.
#pragma once

#include <span>
#include <vector>

namespace strata::grammar {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

struct CharRange {
  char32_t first;
  char32_t last;  ///< inclusive
  bool operator==(const CharRange&) const = default;
};

class CharSet {
 public:
  CharSet() = default;
  /// Ranges in any order, overlapping or not.
  explicit CharSet(std::vector<CharRange> ranges);

  static CharSet All();
  static CharSet Of(char32_t c) { return CharSet({{c, c}}); }

  CharSet Union(const CharSet& other) const;
  CharSet Intersection(const CharSet& other) const;
  CharSet Complement() const;

  bool Contains(char32_t c) const { return Meets(c, c); }
  /// Whether it has a member in [first, last].
  bool Meets(char32_t first, char32_t last) const;
  bool empty() const { return ranges_.empty(); }
  std::span<const CharRange> ranges() const { return ranges_; }
  bool operator==(const CharSet&) const = default;

 private:
  std::vector<CharRange> ranges_;
};

}  // namespace strata::grammar
