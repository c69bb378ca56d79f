// A grammar as a recursive transition network: nodes are places in it; a call pushes where to go on. Nodes are made
// when they are first reached, so a grammar may be far larger than what one text visits.
//
//   const NodeId value = network.Declare();
//   const NodeId list = network.Lexeme(open, network.Call(value, network.Lexeme(close, kAcceptNode)));
//   network.Define(value, network.Choice({list, network.Lexeme(number, kAcceptNode)}));
//
// No node may call itself again before it has consumed a byte (left recursion); front ends rewrite that. A cycle of
// declarations that never reaches a lexeme is such a grammar too.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar/lexer.h"

namespace strata::grammar {

using NodeId = std::uint32_t;
/// The end of what was called (or of the whole grammar).
inline constexpr NodeId kAcceptNode = 0;
/// Matches nothing.
inline constexpr NodeId kFailNode = 1;

class Network;

/// Makes nodes on demand.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  /// The node that Network::Lazy(this, payload) stands for. Called once for each payload.
  virtual NodeId Expand(Network& network, std::uint32_t payload) = 0;
};

struct Node {
  enum class Kind : std::uint8_t { kAccept, kFail, kLexeme, kWordLexeme, kCall, kChoice, kLazy, kDeclared, kAlias };
  Kind kind;
  LexState start = kDeadState;  ///< lexemes
  NodeId callee = 0;            ///< kCall
  NodeId next = 0;              ///< kLexeme, kCall: after it; kAlias: what it stands for
  std::uint32_t first = 0;      ///< kChoice, kWordLexeme: into links(); kLazy: payload
  std::uint32_t count = 0;      ///< kChoice, kWordLexeme
  NodeSource* source = nullptr;
};

/// Not thread-safe.
class Network {
 public:
  explicit Network(Lexer& lexer);

  /// Matches one lexeme (kFailNode for kDeadState).
  NodeId Lexeme(LexState start, NodeId next);
  /// Matches a lexeme of a OneOf, and goes on where its word says: next[i] for the i-th word.
  NodeId WordLexeme(LexState start, std::span<const NodeId> next);
  NodeId Call(NodeId callee, NodeId next);
  NodeId Choice(std::span<const NodeId> alternatives);
  NodeId Choice(std::initializer_list<NodeId> alternatives) {
    return Choice(std::span(alternatives.begin(), alternatives.size()));
  }
  NodeId Lazy(NodeSource* source, std::uint32_t payload);
  /// A node to be defined later, once.
  NodeId Declare();
  void Define(NodeId declared, NodeId meaning);
  /// A special token of the vocabulary, which no text spells.
  NodeId SpecialToken(std::int32_t token, NodeId next);

  /// Follows aliases and expands.
  NodeId Resolve(NodeId id);
  const Node& node(NodeId id) const { return nodes_[id]; }
  std::span<const NodeId> links(const Node& node) const { return std::span(links_).subspan(node.first, node.count); }
  /// Where a lexeme node goes on when its automaton accepts in `state`.
  NodeId After(const Node& node, LexState state) const {
    return node.kind == Node::Kind::kLexeme ? node.next : links_[node.first + lexer_.MatchedWord(state)];
  }
  Lexer& lexer() { return lexer_; }
  RegexStore& regexes() { return lexer_.regexes(); }

 private:
  NodeId Intern(Node node, std::span<const NodeId> links = {});

  Lexer& lexer_;
  std::vector<Node> nodes_;
  std::vector<NodeId> links_;
  std::unordered_multimap<std::uint64_t, NodeId> index_;
  std::map<std::pair<NodeSource*, std::uint32_t>, NodeId> lazy_;
};

}  // namespace strata::grammar
