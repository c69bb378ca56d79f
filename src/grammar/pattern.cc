#include "grammar/pattern.h"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <vector>

#include "grammar/pattern_cursor.h"
#include "grammar/pattern_parser.h"

namespace strata::grammar {
namespace {

using Kind = PatternNode::Kind;

constexpr RegexId kNothing = RegexStore::kNothing, kEmpty = RegexStore::kEmpty, kAnything = RegexStore::kAnything;

/// Work on look-aheads: a repetition of one is written out, and repetitions may be nested.
constexpr int kMaxLookAheadSteps = 20'000;

/// What is asserted of the surroundings of a piece of text.
enum Asserts : std::size_t { kAtStart = 1, kAtEnd = 2 };

/// The texts that a node without look-ahead consumes, by what ^ and $ in it assert: that the piece begins where the
/// whole text does (kAtStart), that it ends where that does (kAtEnd).
using Pieces = std::array<RegexId, 4>;

/// What may follow up to the end of the whole text, at its start (nothing has been consumed) and inside.
struct Rest {
  RegexId at_start;
  RegexId inside;
  bool operator==(const Rest&) const = default;
};

class Compiler {
 public:
  explicit Compiler(RegexStore& store) : store_(store) {}

  /// What may follow where `node`, and then `rest`, does.
  Result<Rest> Before(const PatternNode& node, Rest rest);

 private:
  Pieces Consume(const PatternNode& node);
  Pieces Sequence(const Pieces& first, const Pieces& second);
  Pieces Repeat(const Pieces& body, std::uint32_t min, std::uint32_t max);
  Pieces RepeatAnchored(const Pieces& body, std::uint32_t min, std::uint32_t max);
  /// `least` to `most` pieces, none of them empty.
  Pieces Runs(const Pieces& solid, std::uint32_t least, std::uint32_t most);
  Rest Attach(const Pieces& pieces, Rest rest);
  Result<Rest> LookAhead(const PatternNode& node, Rest rest);
  Result<Rest> BeforeRepeat(const PatternNode& node, Rest rest);
  std::optional<Result<Rest>> BeforeGuardedRun(const PatternNode& node, Rest rest);

  RegexId OnlyEmpty(RegexId id) const { return store_.Nullable(id) ? kEmpty : kNothing; }
  RegexId NotEmpty(RegexId id) { return store_.Nullable(id) ? store_.And({id, Some()}) : id; }
  RegexId Some() { return store_.Concat(store_.Set(CharSet::All()), kAnything); }
  void Add(RegexId& to, RegexId more) { to = store_.Or({to, more}); }

  RegexStore& store_;
  int steps_left_ = kMaxLookAheadSteps;
};

std::uint32_t Less(std::uint32_t count, std::uint32_t by) {
  return count == kUnbounded ? kUnbounded : count > by ? count - by : 0;
}

bool IsPlain(const Pieces& pieces) {
  return pieces[kAtStart] == kNothing && pieces[kAtEnd] == kNothing && pieces[kAtStart | kAtEnd] == kNothing;
}

Pieces Compiler::Consume(const PatternNode& node) {
  Pieces pieces = {kNothing, kNothing, kNothing, kNothing};
  switch (node.kind) {
    case Kind::kEmpty:
      pieces[0] = kEmpty;
      break;
    case Kind::kSet:
      pieces[0] = store_.Set(node.set);
      break;
    case Kind::kTextStart:
      pieces[kAtStart] = kEmpty;
      break;
    case Kind::kTextEnd:
      pieces[kAtEnd] = kEmpty;
      break;
    case Kind::kSequence:
      pieces[0] = kEmpty;
      for (const PatternNode& child : std::views::reverse(node.children)) pieces = Sequence(Consume(child), pieces);
      break;
    case Kind::kAlternatives: {
      std::array<std::vector<RegexId>, 4> alternatives;
      for (const PatternNode& child : node.children) {
        const Pieces more = Consume(child);
        for (std::size_t i = 0; i < more.size(); ++i) alternatives[i].push_back(more[i]);
      }
      for (std::size_t i = 0; i < pieces.size(); ++i) pieces[i] = store_.Or(alternatives[i]);
      break;
    }
    case Kind::kRepeat:
      return Repeat(Consume(node.children.front()), node.min, node.max);
    case Kind::kLookAhead:
      break;  // only nodes without one are consumed
  }
  return pieces;
}

Pieces Compiler::Sequence(const Pieces& first, const Pieces& second) {
  Pieces pieces = {kNothing, kNothing, kNothing, kNothing};
  for (std::size_t i = 0; i < first.size(); ++i) {
    for (std::size_t j = 0; j < second.size(); ++j) {
      const RegexId before = (j & kAtStart) != 0 ? OnlyEmpty(first[i]) : first[i];
      const RegexId after = (i & kAtEnd) != 0 ? OnlyEmpty(second[j]) : second[j];
      Add(pieces[i | j], store_.Concat(before, after));
    }
  }
  return pieces;
}

Pieces Compiler::Repeat(const Pieces& body, std::uint32_t min, std::uint32_t max) {
  if (IsPlain(body)) return {store_.Repeat(body[0], min, max), kNothing, kNothing, kNothing};
  return RepeatAnchored(body, min, max);
}

Pieces Compiler::RepeatAnchored(const Pieces& body, std::uint32_t min, std::uint32_t max) {
  if (max == 0) return {kEmpty, kNothing, kNothing, kNothing};
  Pieces solid;
  for (std::size_t i = 0; i < body.size(); ++i) solid[i] = NotEmpty(body[i]);
  // Rounds that consume nothing only matter in making up the number, so one kind of them at a time will do. Those that
  // assert the start stand before all others, those that assert the end behind them.
  Pieces pieces = Runs(solid, min, max);
  if (min == 0) pieces[0] = store_.Or({pieces[0], kEmpty});
  for (std::size_t i = 0; i < body.size() && min > 0; ++i) {
    if (!store_.Nullable(body[i])) continue;
    Add(pieces[i], kEmpty);
    if (i == (kAtStart | kAtEnd)) continue;  // nothing else can be consumed
    const Pieces fewer = Runs(solid, 0, i == 0 ? max : min - 1);
    for (std::size_t j = 0; j < fewer.size(); ++j) Add(pieces[i | j], fewer[j]);
  }
  return pieces;
}

Pieces Compiler::Runs(const Pieces& solid, std::uint32_t least, std::uint32_t most) {
  Pieces pieces = {kNothing, kNothing, kNothing, kNothing};
  least = std::max(least, 1u);
  if (most < least) return pieces;
  // Only the first piece may assert the start, only the last the end.
  const auto inner = [&](std::uint32_t less) { return store_.Repeat(solid[0], Less(least, less), Less(most, less)); };
  pieces[0] = inner(0);
  pieces[kAtStart] = store_.Concat(solid[kAtStart], inner(1));
  pieces[kAtEnd] = store_.Concat(inner(1), solid[kAtEnd]);
  if (most >= 2) pieces[kAtStart | kAtEnd] = store_.Concat({solid[kAtStart], inner(2), solid[kAtEnd]});
  if (least == 1) Add(pieces[kAtStart | kAtEnd], solid[kAtStart | kAtEnd]);
  return pieces;
}

Rest Compiler::Attach(const Pieces& pieces, Rest rest) {
  Rest result = {kNothing, kNothing};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i] == kNothing) continue;
    const bool ends = (i & kAtEnd) != 0;
    const Rest after = ends ? Rest{OnlyEmpty(rest.at_start), OnlyEmpty(rest.inside)} : rest;
    const RegexId whole = store_.Concat(pieces[i], after.inside);
    if (after.at_start == after.inside) {
      Add(result.at_start, whole);
    } else {  // whoever has consumed something is no longer at the start
      Add(result.at_start, store_.Concat(NotEmpty(pieces[i]), after.inside));
      if (store_.Nullable(pieces[i])) Add(result.at_start, after.at_start);
    }
    if ((i & kAtStart) == 0) Add(result.inside, whole);
  }
  return result;
}

Result<Rest> Compiler::Before(const PatternNode& node, Rest rest) {
  if (!node.looks_ahead) return Attach(Consume(node), rest);
  if (--steps_left_ < 0) return PatternCursor::UnsupportedAt(node.offset, "so much of a repeated look-ahead");
  switch (node.kind) {
    case Kind::kSequence:
      for (const PatternNode& child : std::views::reverse(node.children)) {
        STRATA_TRY(rest, Before(child, rest));
      }
      return rest;
    case Kind::kAlternatives: {
      Rest any = {kNothing, kNothing};
      for (const PatternNode& child : node.children) {
        STRATA_TRY(const Rest one, Before(child, rest));
        Add(any.at_start, one.at_start);
        Add(any.inside, one.inside);
      }
      return any;
    }
    case Kind::kRepeat:
      return BeforeRepeat(node, rest);
    default:
      return LookAhead(node, rest);
  }
}

Result<Rest> Compiler::LookAhead(const PatternNode& node, Rest rest) {
  STRATA_TRY(const Rest ahead, Before(node.children.front(), {kAnything, kAnything}));
  const auto both = [&](RegexId here, RegexId next) {
    return store_.And({node.negative ? store_.Not(here) : here, next});
  };
  return Rest{both(ahead.at_start, rest.at_start), both(ahead.inside, rest.inside)};
}

/// Repetitions with a look-ahead inside are written out, as each round looks at what follows it.
Result<Rest> Compiler::BeforeRepeat(const PatternNode& node, Rest rest) {
  const PatternNode& body = node.children.front();
  if (body.kind == Kind::kLookAhead) return node.min == 0 ? rest : Before(body, rest);
  const Rest anything = {kAnything, kAnything};
  const std::uint32_t max = rest == anything ? node.min : node.max;  // where all may follow, the fewest will do
  if (auto run = BeforeGuardedRun(node, rest)) return *std::move(run);
  if (max == kUnbounded) return PatternCursor::UnsupportedAt(body.offset, "look-ahead in an unbounded repetition");
  Rest result = rest;
  for (std::uint32_t round = max; round > 0; --round) {
    STRATA_TRY(const Rest once, Before(body, result));
    const bool may_stop = round > node.min;
    result = {may_stop ? store_.Or({once.at_start, rest.at_start}) : once.at_start,
              may_stop ? store_.Or({once.inside, rest.inside}) : once.inside};
  }
  return result;
}

/// (?:(?!x).)* up to the end of the text: that x begins nowhere in it. nullopt for anything else.
std::optional<Result<Rest>> Compiler::BeforeGuardedRun(const PatternNode& node, Rest rest) {
  const PatternNode& body = node.children.front();
  if (rest != Rest{kEmpty, kEmpty} || body.kind != Kind::kSequence || body.children.back().kind != Kind::kSet) {
    return std::nullopt;
  }
  Rest guard = {kAnything, kAnything};  // what must hold before each character
  for (const PatternNode& child : std::views::reverse(body.children)) {
    if (&child == &body.children.back()) continue;
    if (child.kind != Kind::kLookAhead) return std::nullopt;
    Result<Rest> narrowed = LookAhead(child, guard);
    if (!narrowed) return narrowed;
    guard = *narrowed;
  }
  if (guard.at_start != guard.inside) return std::nullopt;
  const RegexId broken = store_.Concat(kAnything, NotEmpty(store_.Not(guard.inside)));
  const RegexId run = store_.Repeat(store_.Set(body.children.back().set), node.min, node.max);
  const RegexId guarded = store_.And({run, store_.Not(broken)});
  return Rest{guarded, guarded};
}

}  // namespace

Result<RegexId> ParsePattern(RegexStore& store, std::string_view pattern, Anchoring anchoring, PatternReading reading) {
  STRATA_TRY(const PatternNode tree, ParsePatternSyntax(pattern, reading));
  const bool search = anchoring == Anchoring::kSearch;
  const RegexId tail = search ? kAnything : kEmpty;
  STRATA_TRY(const Rest match, Compiler(store).Before(tree, {tail, tail}));
  RegexId language = match.at_start;
  if (search && match.at_start == match.inside) {
    language = store.Concat(kAnything, match.inside);
  } else if (search) {
    language = store.Or({match.at_start, store.Concat({store.Set(CharSet::All()), kAnything, match.inside})});
  }
  if (store.exhausted()) return Fail(ErrorCode::kUnsupported, "the regular expression is too large");
  return language;
}

}  // namespace strata::grammar
