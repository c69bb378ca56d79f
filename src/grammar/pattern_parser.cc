#include "grammar/pattern_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/unicode.h"
#include "grammar/char_class.h"
#include "grammar/pattern_cursor.h"
#include "grammar/pattern_set.h"
#include "grammar/regex.h"

namespace strata::grammar {
namespace {

using Kind = PatternNode::Kind;

/// Groups within groups. Keeps recursion, here and wherever the tree is walked, within any stack.
constexpr int kMaxDepth = 200;

PatternNode Leaf(Kind kind, std::size_t offset) {
  PatternNode node;
  node.kind = kind;
  node.offset = offset;
  return node;
}

PatternNode SetNode(CharSet set, std::size_t offset) {
  PatternNode node = Leaf(Kind::kSet, offset);
  node.set = std::move(set);
  return node;
}

/// A node over several, or what is there where that is less than two.
PatternNode Join(Kind kind, std::vector<PatternNode> children, std::size_t offset) {
  if (children.empty()) return Leaf(Kind::kEmpty, offset);
  if (children.size() == 1) return std::move(children.front());
  PatternNode node = Leaf(kind, offset);
  node.looks_ahead = std::ranges::any_of(children, &PatternNode::looks_ahead);
  node.children = std::move(children);
  return node;
}

struct Bounds {
  std::uint32_t min, max;
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : cursor_(pattern) {}

  Result<PatternNode> Parse(PatternReading reading) {
    STRATA_TRY(PatternNode node, Alternatives({.reading = reading}));
    if (!cursor_.AtEnd()) return cursor_.Invalid("a ) that closes nothing");
    return node;
  }

 private:
  /// Up to the end or the ) of the group that this is.
  Result<PatternNode> Alternatives(PatternFlags flags);
  /// Flags given inside hold for what follows in the group, later alternatives included.
  Result<PatternNode> Sequence(PatternFlags& flags);
  Result<PatternNode> Atom(PatternFlags& flags);
  Result<PatternNode> Group(PatternFlags& flags);
  Result<PatternNode> LookAhead(bool negative, PatternFlags flags, std::size_t at);
  /// The inside of a group that has been opened, and its ).
  Result<PatternNode> Enclosed(PatternFlags flags, std::size_t at);
  Result<PatternNode> FlagGroup(PatternFlags& flags, std::size_t at);
  Result<PatternNode> Anchor(Kind kind, PatternFlags flags, std::size_t at);
  Result<PatternNode> Quantified(PatternNode atom);
  Result<std::optional<Bounds>> Quantifier();
  Result<std::optional<Bounds>> Braces();

  PatternCursor cursor_;
  int depth_ = 0;
};

Result<PatternNode> Parser::Alternatives(PatternFlags flags) {
  const std::size_t at = cursor_.offset();
  std::vector<PatternNode> alternatives;
  do {
    STRATA_TRY(PatternNode sequence, Sequence(flags));
    alternatives.push_back(std::move(sequence));
  } while (cursor_.Take("|"));
  return Join(Kind::kAlternatives, std::move(alternatives), at);
}

Result<PatternNode> Parser::Sequence(PatternFlags& flags) {
  const std::size_t at = cursor_.offset();
  std::vector<PatternNode> parts;
  while (!cursor_.AtEnd() && !cursor_.Looks("|") && !cursor_.Looks(")")) {
    STRATA_TRY(PatternNode atom, Atom(flags));
    STRATA_TRY(PatternNode part, Quantified(std::move(atom)));
    if (part.kind != Kind::kEmpty) parts.push_back(std::move(part));
  }
  return Join(Kind::kSequence, std::move(parts), at);
}

Result<PatternNode> Parser::Atom(PatternFlags& flags) {
  const std::size_t at = cursor_.offset();
  if (cursor_.Take("(")) return Group(flags);
  if (cursor_.Take("[")) {
    STRATA_TRY(CharSet set, ParseClass(cursor_, flags));
    return SetNode(std::move(set), at);
  }
  if (cursor_.Take(".")) {
    if (flags.dot_all) return SetNode(CharSet::All(), at);
    const bool wide = flags.reading == PatternReading::kWide;  // Python's stops at line feeds alone
    return SetNode((wide ? CharSet::Of('\n') : LineTerminators()).Complement(), at);
  }
  if (cursor_.Take("^")) return Anchor(Kind::kTextStart, flags, at);
  if (cursor_.Take("$")) return Anchor(Kind::kTextEnd, flags, at);
  if (cursor_.Take("\\")) {
    if (cursor_.Take("A")) return Leaf(Kind::kTextStart, at);
    if (cursor_.Take("z") || cursor_.Take("Z")) return Leaf(Kind::kTextEnd, at);  // \Z as Python has it
    if (cursor_.Looks("b") || cursor_.Looks("B")) return PatternCursor::UnsupportedAt(at, "a word boundary");
    STRATA_TRY(EscapedSet escaped, ParseEscape(cursor_, flags));
    return SetNode(std::move(escaped.set), at);
  }
  if (cursor_.Looks("*") || cursor_.Looks("+") || cursor_.Looks("?")) return cursor_.Invalid("nothing to repeat");
  if (cursor_.Looks("{")) {
    STRATA_TRY(const auto bounds, Braces());
    if (bounds) return PatternCursor::InvalidAt(at, "nothing to repeat");
  }
  // Brackets and braces that close or open nothing stand for themselves (ECMA-262, B.1.2): schemas have them.
  const CharSet set = CharSet::Of(cursor_.TakeCodePoint());
  return SetNode(flags.ignore_case ? CloseUnderCase(set) : set, at);
}

Result<PatternNode> Parser::Anchor(Kind kind, PatternFlags flags, std::size_t at) {
  if (flags.multi_line) return PatternCursor::UnsupportedAt(at, "^ or $ of lines");
  return Leaf(kind, at);
}

Result<PatternNode> Parser::Group(PatternFlags& flags) {
  const std::size_t at = cursor_.offset() - 1;
  if (!cursor_.Take("?")) return Enclosed(flags, at);
  if (cursor_.Take(":")) return Enclosed(flags, at);
  if (cursor_.Take("=")) return LookAhead(false, flags, at);
  if (cursor_.Take("!")) return LookAhead(true, flags, at);
  if (cursor_.Looks("<=") || cursor_.Looks("<!")) return PatternCursor::UnsupportedAt(at, "look-behind");
  if (cursor_.Take("P<") || cursor_.Take("<")) {
    STRATA_TRY(const std::string_view name, cursor_.TakeUntil('>'));
    if (name.empty()) return PatternCursor::InvalidAt(at, "a group with an empty name");
    return Enclosed(flags, at);
  }
  if (cursor_.Looks("P=") || cursor_.Looks("P>")) return PatternCursor::UnsupportedAt(at, "a reference to a group");
  if (cursor_.Looks(">")) return PatternCursor::UnsupportedAt(at, "an atomic group");
  if (cursor_.Take("#")) {
    STRATA_TRY(const std::string_view comment, cursor_.TakeUntil(')'));
    static_cast<void>(comment);
    return Leaf(Kind::kEmpty, at);
  }
  return FlagGroup(flags, at);
}

/// (?flags) for the rest of the group around it, (?flags:…) for what it encloses.
Result<PatternNode> Parser::FlagGroup(PatternFlags& flags, std::size_t at) {
  if (cursor_.Looks(")")) return PatternCursor::InvalidAt(at, "a group of no kind");
  PatternFlags changed = flags;
  bool value = true;
  while (!cursor_.AtEnd()) {
    if (cursor_.Take(")")) {
      flags = changed;
      return Leaf(Kind::kEmpty, at);
    }
    if (cursor_.Take(":")) return Enclosed(changed, at);
    if (value && cursor_.Take("-")) {
      value = false;
    } else if (cursor_.Take("i")) {
      changed.ignore_case = value;
    } else if (cursor_.Take("s")) {
      changed.dot_all = value;
    } else if (cursor_.Take("m")) {
      changed.multi_line = value;
    } else {
      break;
    }
  }
  return PatternCursor::UnsupportedAt(at, "this kind of group");
}

Result<PatternNode> Parser::LookAhead(bool negative, PatternFlags flags, std::size_t at) {
  if (negative) flags.reading = OfComplement(flags.reading);
  STRATA_TRY(PatternNode body, Enclosed(flags, at));
  PatternNode node = Leaf(Kind::kLookAhead, at);
  node.negative = negative;
  node.looks_ahead = true;
  node.children.push_back(std::move(body));
  return node;
}

Result<PatternNode> Parser::Enclosed(PatternFlags flags, std::size_t at) {
  if (depth_ == kMaxDepth) return PatternCursor::UnsupportedAt(at, fmt::format("more than {} groups deep", kMaxDepth));
  ++depth_;
  STRATA_TRY(PatternNode inside, Alternatives(flags));
  --depth_;
  if (!cursor_.Take(")")) return PatternCursor::InvalidAt(at, "a group without )");
  return inside;
}

Result<PatternNode> Parser::Quantified(PatternNode atom) {
  const std::size_t at = cursor_.offset();
  STRATA_TRY(const auto bounds, Quantifier());
  if (!bounds) return atom;
  static_cast<void>(cursor_.Take("?"));  // lazy: another match first, the same texts
  if (cursor_.Looks("+")) return PatternCursor::UnsupportedAt(at, "a possessive repetition");
  const std::size_t after = cursor_.offset();
  STRATA_TRY(const auto again, Quantifier());
  if (again) return PatternCursor::InvalidAt(after, "nothing to repeat");
  if (atom.kind == Kind::kEmpty) return atom;
  PatternNode node = Leaf(Kind::kRepeat, at);
  node.min = bounds->min;
  node.max = bounds->max;
  node.looks_ahead = atom.looks_ahead;
  node.children.push_back(std::move(atom));
  return node;
}

Result<std::optional<Bounds>> Parser::Quantifier() {
  if (cursor_.Take("*")) return Bounds{0, kUnbounded};
  if (cursor_.Take("+")) return Bounds{1, kUnbounded};
  if (cursor_.Take("?")) return Bounds{0, 1};
  if (cursor_.Looks("{")) return Braces();
  return std::nullopt;
}

/// {m}, {m,} or {m,n}; nullopt, and nothing taken, where this is no such thing.
Result<std::optional<Bounds>> Parser::Braces() {
  const std::string_view text = cursor_.rest();
  std::size_t at = 1;
  // Counts too large to count are unbounded to any text there can be.
  const auto number = [&]() -> std::optional<std::uint32_t> {
    const std::size_t begin = at;
    std::uint64_t value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      value = std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(text[at] - '0'), kUnbounded - 1);
    }
    return at == begin ? std::nullopt : std::optional(static_cast<std::uint32_t>(value));
  };
  const auto takes = [&](char c) { return at < text.size() && text[at] == c ? (++at, true) : false; };
  const auto min = number();
  const bool comma = takes(',');
  const auto max = comma ? number() : min;
  if (!takes('}') || (!min && !max)) return std::nullopt;
  // {,n} is a repetition to Python and itself to JavaScript.
  if (!min) return PatternCursor::UnsupportedAt(cursor_.offset(), "{,n}, which engines read differently,");
  const Bounds bounds = {*min, max.value_or(kUnbounded)};
  if (bounds.min > bounds.max) return cursor_.Invalid("a repetition of at least {} and at most {}", *min, *max);
  cursor_.Skip(at);
  return bounds;
}

}  // namespace

Result<PatternNode> ParsePatternSyntax(std::string_view pattern, PatternReading reading) {
  if (!IsValidUtf8(pattern)) return Fail(ErrorCode::kInvalidArgument, "not a regular expression: not UTF-8");
  return Parser(pattern).Parse(reading);
}

}  // namespace strata::grammar
