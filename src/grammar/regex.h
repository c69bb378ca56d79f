// Regular languages over code points, closed under union, intersection and complement, explored by derivatives.
//
//   RegexStore store;
//   const RegexId word = store.Repeat(store.Set(letters), 1, kUnbounded);
//   const RegexId id = store.And({word, store.Not(store.Literal("null"))});
//   for (const RegexStep& step : store.Steps(id)) ...   // what each next code point leaves to be matched
//
// A regex is an id; equal structure has equal ids (hash-consing), with the laws that keep the derivatives of an
// expression finite in number (associativity, commutativity and idempotence of | and &; Brzozowski 1964, theorem 5.2;
// symbolic derivatives by classes after Owens, Reppy, Turon 2009).
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/char_set.h"

namespace strata::grammar {

using RegexId = std::uint32_t;
inline constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;

/// After any code point of [first, last], `next` remains to be matched. Never the empty language.
struct RegexStep {
  char32_t first;
  char32_t last;
  RegexId next;
  bool operator==(const RegexStep&) const = default;
};

/// Not thread-safe.
class RegexStore {
 public:
  static constexpr RegexId kNothing = 0;   ///< no string
  static constexpr RegexId kEmpty = 1;     ///< the empty string
  static constexpr RegexId kAnything = 2;  ///< every string

  /// `allowed`: expressions, until AllowGrowth.
  explicit RegexStore(std::size_t allowed = kMaxNodes);

  RegexId Set(const CharSet& set);
  RegexId Char(char32_t c) { return Set(CharSet::Of(c)); }
  RegexId Literal(std::string_view utf8);
  RegexId Concat(RegexId a, RegexId b);
  RegexId Concat(std::span<const RegexId> parts);
  RegexId Concat(std::initializer_list<RegexId> parts) { return Concat(std::span(parts.begin(), parts.size())); }
  RegexId Or(std::span<const RegexId> parts);
  RegexId Or(std::initializer_list<RegexId> parts) { return Or(std::span(parts.begin(), parts.size())); }
  RegexId And(std::span<const RegexId> parts);
  RegexId And(std::initializer_list<RegexId> parts) { return And(std::span(parts.begin(), parts.size())); }
  RegexId Not(RegexId a);
  RegexId Repeat(RegexId a, std::uint32_t min, std::uint32_t max);
  RegexId Star(RegexId a) { return Repeat(a, 0, kUnbounded); }
  RegexId Optional(RegexId a) { return Repeat(a, 0, 1); }
  /// One of many strings (UTF-8, need not be sorted or distinct): costs a binary search a code point, however many.
  RegexId OneOf(const std::vector<std::string>& words);
  /// Decimal texts (digits, then perhaps a point and at least one digit; also with leading zeros, or none before the
  /// point) whose value is a multiple of modulus x 10^-places. A state for each remainder, made when reached; modulus
  /// is below 10^8 and not 0.
  RegexId DecimalMultiple(std::uint32_t modulus, std::uint32_t places) {
    return MakeResidue(modulus, 0, places, DecimalPart::kWhole);
  }

  bool Nullable(RegexId id) const { return nodes_[id].nullable; }
  /// Sorted by `first`, disjoint; code points in no step lead nowhere. Valid until the next call that is not const.
  std::span<const RegexStep> Steps(RegexId id);
  /// kNothing where no string begins so.
  RegexId Derivative(RegexId id, char32_t c);
  /// Whether the language has no string at all. Exact; explores where intersections and complements demand it.
  bool IsNothing(RegexId id);
  bool Matches(RegexId id, std::string_view utf8);
  /// How many strings the language has, if at most `limit`.
  std::optional<std::uint64_t> CountUpTo(RegexId id, std::uint64_t limit);

  /// The place among the words given to OneOf of the one that has been matched, where `id` is a derivative of a OneOf
  /// and nullable; -1 otherwise.
  std::int32_t MatchedWord(RegexId id) const;

  /// Set once more expressions were needed than allowed; from then on every operation gives kNothing. Whoever
  /// compiles or explores must look, and refuse.
  bool exhausted() const { return exhausted_; }
  std::size_t size() const { return nodes_.size(); }
  /// What is made in 0.2 to 0.5 s.
  static constexpr std::size_t kMaxNodes = 120'000;
  /// And then, while texts are read, which make them few at a time.
  static constexpr std::size_t kMaxGrownNodes = 480'000;
  void AllowGrowth() { allowed_ = kMaxGrownNodes; }

 private:
  enum class Kind : std::uint8_t { kNothing, kEmpty, kSet, kConcat, kOr, kAnd, kNot, kRepeat, kWords, kResidue };
  enum class DecimalPart : std::uint8_t { kWhole, kPoint, kFraction };  ///< what has been read last
  enum class Emptiness : std::uint8_t { kUnknown, kNothing, kSome };
  struct Node {
    Kind kind;
    bool nullable;
    Emptiness emptiness;
    bool stepped = false;  ///< `steps` is known
    bool pruned = false;   ///< and leads to no empty language
    /// kSet: set; kConcat, kNot, kRepeat: operand; kOr, kAnd: first operand; kWords: list; kResidue: modulus
    std::uint32_t a = 0;
    /// kConcat: second; kOr, kAnd: operands; kRepeat: min; kWords: first word; kResidue: remainder
    std::uint32_t b = 0;
    std::uint32_t c = 0;      ///< kRepeat: max; kWords: end of words; kResidue: places that are left
    std::uint32_t depth = 0;  ///< kWords: code points matched; kResidue: a DecimalPart
    std::vector<RegexStep> steps = {};
  };
  struct Words {
    std::vector<std::u32string> words;   ///< sorted
    std::vector<std::int32_t> original;  ///< place in the caller's list
  };

  RegexId Intern(Node node, std::span<const RegexId> operands = {});
  RegexId Combine(Kind kind, std::span<const RegexId> parts);
  RegexId MakeWords(std::uint32_t list, std::uint32_t first, std::uint32_t end, std::uint32_t depth);
  RegexId MakeResidue(std::uint32_t modulus, std::uint32_t remainder, std::uint32_t places, DecimalPart part);
  std::vector<RegexStep> ResidueSteps(std::uint32_t modulus, std::uint32_t remainder, std::uint32_t places,
                                      DecimalPart part);
  std::span<const RegexId> Operands(const Node& node) const { return std::span(operands_).subspan(node.a, node.b); }
  std::vector<RegexStep> ComputeSteps(RegexId id);
  const std::vector<RegexStep>& RawSteps(RegexId id);
  std::vector<RegexStep> MergeSteps(Kind kind, std::span<const std::vector<RegexStep>* const> lists);
  bool Explore(RegexId id);

  std::deque<Node> nodes_;  // stay where they are
  std::vector<RegexId> operands_;
  std::vector<CharSet> sets_;
  std::vector<Words> words_;
  std::unordered_multimap<std::uint64_t, RegexId> index_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> set_index_;
  std::size_t allowed_;
  bool exhausted_ = false;
};

}  // namespace strata::grammar
