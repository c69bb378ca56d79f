// Productions to a network. Two things stand in the way: a rule that begins with itself, and one that may be empty in
// front of it. Both go by looking only at the non-empty texts of a rule: a text begins with the non-empty text of one
// symbol (its corner), before which the production's symbols are empty. Rules that are each other's corners are
// left-recursive, and are read from below: first a corner that is none of them, then up, from a rule that has been read
// to one that it begins (left-corner parsing; Rosenkrantz and Lewis 1970), which is a loop where it was recursion.
#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "grammar/grammar_ast.h"
#include "grammar/production_grammar.h"

namespace strata::grammar {
namespace {

/// Symbols written into the network. Groups of rules that are each other's corners make the square of their size.
constexpr std::size_t kMaxWritten = 200'000;

/// A place in a production before which all symbols may be empty.
struct Corner {
  std::uint32_t rule;
  const Production* production;
  std::size_t place;
};

class Lowering {
 public:
  Lowering(Network& network, const ProductionGrammar& grammar, Spelling spelling)
      : network_(network), grammar_(grammar), spelling_(spelling), nodes_(grammar.rules.size(), kFailNode) {}

  Result<NodeId> Run();

 private:
  /// From what has been read (`from`, of a left-recursive group) up to the whole of `to`.
  using Climb = std::pair<std::uint32_t, std::uint32_t>;

  void FindCorners();
  void FindGroups();
  bool IsNullable(const Symbol& symbol) const {
    return symbol.is_rule ? grammar_.rules[symbol.id].nullable : network_.regexes().Nullable(symbol.id);
  }
  bool InGroup(const Symbol& symbol, std::uint32_t rule) const {
    return symbol.is_rule && recursive_[rule] && group_[symbol.id] == group_[rule];
  }

  bool IsTooLarge() const { return written_ > kMaxWritten || network_.regexes().exhausted(); }

  /// The non-empty texts of a symbol, or all of them, and then `next`.
  NodeId Some(const Symbol& symbol, NodeId next);
  NodeId Any(const Symbol& symbol, NodeId next);
  /// The texts of a production from a place on, and of those all but the empty one.
  NodeId Rest(const Production& production, std::size_t from, NodeId next);
  NodeId SomeRest(const Production& production, std::size_t from, NodeId next);

  NodeId DefinitionOf(std::uint32_t rule);
  NodeId DefinitionOf(const Climb& climb);
  NodeId ClimbNode(std::uint32_t from, std::uint32_t to);

  Network& network_;
  const ProductionGrammar& grammar_;
  const Spelling spelling_;
  std::vector<std::vector<Corner>> corners_;  ///< by the rule that is the corner
  std::vector<std::uint32_t> group_;          ///< the strongly connected component, over corners
  std::vector<bool> recursive_;
  std::vector<std::vector<std::uint32_t>> members_;
  std::vector<NodeId> nodes_;  ///< of the non-empty texts of each rule; kFailNode: not asked for yet
  std::map<Climb, NodeId> climbs_;
  std::vector<std::uint32_t> open_rules_;  ///< declared, not defined
  std::vector<Climb> open_climbs_;
  std::size_t written_ = 0;
};

Result<NodeId> Lowering::Run() {
  FindCorners();
  FindGroups();
  const NodeId root = Any(grammar_.start, kAcceptNode);
  while (!open_rules_.empty() || !open_climbs_.empty()) {
    if (!open_rules_.empty()) {
      const std::uint32_t rule = open_rules_.back();
      open_rules_.pop_back();
      network_.Define(nodes_[rule], DefinitionOf(rule));
    } else {
      const Climb climb = open_climbs_.back();
      open_climbs_.pop_back();
      network_.Define(climbs_[climb], DefinitionOf(climb));
    }
    if (IsTooLarge()) return Fail(ErrorCode::kUnsupported, "the grammar is too large");
  }
  return root;
}

void Lowering::FindCorners() {
  corners_.resize(grammar_.rules.size());
  for (std::uint32_t rule = 0; rule < grammar_.rules.size(); ++rule) {
    for (const Production& production : grammar_.rules[rule].productions) {
      for (std::size_t place = 0; place < production.size(); ++place) {
        const Symbol& symbol = production[place];
        if (symbol.is_rule) corners_[symbol.id].push_back({rule, &production, place});
        if (!IsNullable(symbol)) break;
      }
    }
  }
}

/// Strongly connected components by Tarjan's algorithm, along "is a corner of", without recursion.
void Lowering::FindGroups() {
  constexpr std::uint32_t kNone = 0xFFFFFFFF;
  const std::size_t count = grammar_.rules.size();
  group_.assign(count, kNone);
  recursive_.assign(count, false);
  std::vector<std::uint32_t> number(count, kNone), low(count, 0), stack;
  std::uint32_t numbered = 0;
  struct Visit {
    std::uint32_t rule;
    std::size_t next = 0;
  };
  for (std::uint32_t root = 0; root < count; ++root) {
    if (number[root] != kNone) continue;
    std::vector<Visit> path = {{root}};
    while (!path.empty()) {
      const std::uint32_t rule = path.back().rule;
      if (path.back().next == 0) {
        number[rule] = low[rule] = numbered++;
        stack.push_back(rule);
      }
      if (path.back().next < corners_[rule].size()) {
        const std::uint32_t to = corners_[rule][path.back().next++].rule;
        if (to == rule) recursive_[rule] = true;
        if (number[to] == kNone) {
          path.push_back({to});
        } else if (group_[to] == kNone) {
          low[rule] = std::min(low[rule], number[to]);
        }
        continue;
      }
      path.pop_back();
      if (!path.empty()) low[path.back().rule] = std::min(low[path.back().rule], low[rule]);
      if (low[rule] != number[rule]) continue;
      members_.emplace_back();
      std::uint32_t member = kNone;
      while (member != rule) {
        member = stack.back();
        stack.pop_back();
        group_[member] = static_cast<std::uint32_t>(members_.size() - 1);
        members_.back().push_back(member);
      }
      if (members_.back().size() > 1) {
        for (const std::uint32_t each : members_.back()) recursive_[each] = true;
      }
    }
  }
}

NodeId Lowering::Some(const Symbol& symbol, NodeId next) {
  ++written_;
  if (symbol.is_rule) {
    if (nodes_[symbol.id] == kFailNode) {
      nodes_[symbol.id] = network_.Declare();
      open_rules_.push_back(symbol.id);
    }
    return network_.Call(nodes_[symbol.id], next);
  }
  RegexStore& store = network_.regexes();
  RegexId regex = symbol.id;
  if (store.Nullable(regex)) {
    regex = store.And({regex, store.Concat(store.Set(CharSet::All()), RegexStore::kAnything)});
  }
  return network_.Lexeme(network_.lexer().Start(regex, spelling_), next);
}

NodeId Lowering::Any(const Symbol& symbol, NodeId next) {
  const NodeId some = Some(symbol, next);
  return IsNullable(symbol) ? network_.Choice({some, next}) : some;
}

NodeId Lowering::Rest(const Production& production, std::size_t from, NodeId next) {
  for (std::size_t i = production.size(); i-- > from && !IsTooLarge();) next = Any(production[i], next);
  return next;
}

NodeId Lowering::SomeRest(const Production& production, std::size_t from, NodeId next) {
  std::size_t last = from;  // the last place that may be the first with a text
  while (last < production.size() && IsNullable(production[last])) ++last;
  if (last == production.size()) {
    if (last == from) return kFailNode;
    --last;
  }
  NodeId rest = Rest(production, last + 1, next);
  std::vector<NodeId> alternatives;
  for (std::size_t place = last + 1; place-- > from && !IsTooLarge();) {
    alternatives.push_back(Some(production[place], rest));
    if (place > from) rest = Any(production[place], rest);
  }
  return network_.Choice(alternatives);
}

NodeId Lowering::DefinitionOf(std::uint32_t rule) {
  std::vector<NodeId> alternatives;
  if (!recursive_[rule]) {
    for (const Production& production : grammar_.rules[rule].productions) {
      alternatives.push_back(SomeRest(production, 0, kAcceptNode));
    }
    return network_.Choice(alternatives);
  }
  for (const std::uint32_t member : members_[group_[rule]]) {
    for (const Production& production : grammar_.rules[member].productions) {
      for (std::size_t place = 0; place < production.size(); ++place) {
        if (!InGroup(production[place], rule)) {
          const NodeId up = Rest(production, place + 1, ClimbNode(member, rule));
          alternatives.push_back(Some(production[place], up));
        }
        if (!IsNullable(production[place])) break;
      }
    }
  }
  return network_.Choice(alternatives);
}

NodeId Lowering::ClimbNode(std::uint32_t from, std::uint32_t to) {
  const auto [place, is_new] = climbs_.try_emplace({from, to}, kFailNode);
  if (is_new) {
    place->second = network_.Declare();
    open_climbs_.push_back(place->first);
  }
  return place->second;
}

NodeId Lowering::DefinitionOf(const Climb& climb) {
  const auto [from, to] = climb;
  // What has been read is also each rule that it begins with nothing behind it.
  std::vector<std::uint32_t> reached = {from};
  std::unordered_set<std::uint32_t> seen = {from};
  std::vector<NodeId> alternatives;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    if (reached[i] == to) alternatives.push_back(kAcceptNode);
    for (const Corner& corner : corners_[reached[i]]) {
      if (group_[corner.rule] != group_[to]) continue;
      const Production& production = *corner.production;
      if (IsTooLarge()) return kFailNode;
      const bool may_end = std::all_of(production.begin() + static_cast<std::ptrdiff_t>(corner.place) + 1,
                                       production.end(), [this](const Symbol& symbol) { return IsNullable(symbol); });
      if (may_end && seen.insert(corner.rule).second) reached.push_back(corner.rule);
      if (corner.place + 1 == production.size()) continue;
      alternatives.push_back(SomeRest(production, corner.place + 1, ClimbNode(corner.rule, to)));
    }
  }
  return network_.Choice(alternatives);
}

}  // namespace

Result<NodeId> LowerGrammar(Network& network, const GrammarAst& grammar, Spelling spelling) {
  STRATA_TRY(const ProductionGrammar productions, MakeProductions(network.regexes(), grammar));
  return Lowering(network, productions, spelling).Run();
}

}  // namespace strata::grammar
