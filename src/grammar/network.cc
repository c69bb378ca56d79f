#include "grammar/network.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/hash.h"

namespace strata::grammar {

Network::Network(Lexer& lexer) : lexer_(lexer) {
  nodes_.push_back({.kind = Node::Kind::kAccept});
  nodes_.push_back({.kind = Node::Kind::kFail});
}

NodeId Network::Intern(Node node, std::span<const NodeId> links) {
  const std::array<std::uint64_t, 6> content = {
      static_cast<std::uint64_t>(node.kind),        node.start, node.callee, node.next, links.empty() ? node.first : 0,
      reinterpret_cast<std::uintptr_t>(node.source)};
  const std::uint64_t hash = Hash64(std::as_bytes(links), Hash64(std::as_bytes(std::span(content))));
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Node& other = nodes_[it->second];
    if (other.kind == node.kind && other.start == node.start && other.callee == node.callee &&
        other.next == node.next && other.source == node.source &&
        (links.empty() ? other.first == node.first && other.count == 0
                       : std::ranges::equal(this->links(other), links))) {
      return it->second;
    }
  }
  if (!links.empty()) {
    node.first = static_cast<std::uint32_t>(links_.size());
    node.count = static_cast<std::uint32_t>(links.size());
    links_.insert(links_.end(), links.begin(), links.end());
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(node);
  index_.emplace(hash, id);
  return id;
}

NodeId Network::Lexeme(LexState start, NodeId next) {
  if (start == kDeadState || next == kFailNode) return kFailNode;
  return Intern({.kind = Node::Kind::kLexeme, .start = start, .next = next});
}

NodeId Network::WordLexeme(LexState start, std::span<const NodeId> next) {
  if (start == kDeadState) return kFailNode;
  return Intern({.kind = Node::Kind::kWordLexeme, .start = start}, next);
}

NodeId Network::Call(NodeId callee, NodeId next) {
  if (callee == kFailNode || next == kFailNode) return kFailNode;
  if (callee == kAcceptNode) return next;
  if (next == kAcceptNode) return callee;  // a tail call is a jump
  return Intern({.kind = Node::Kind::kCall, .callee = callee, .next = next});
}

NodeId Network::Choice(std::span<const NodeId> alternatives) {
  std::vector<NodeId> distinct(alternatives.begin(), alternatives.end());
  std::erase(distinct, kFailNode);
  std::ranges::sort(distinct);
  distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
  if (distinct.empty()) return kFailNode;
  if (distinct.size() == 1) return distinct.front();
  return Intern({.kind = Node::Kind::kChoice}, distinct);
}

NodeId Network::Lazy(NodeSource* source, std::uint32_t payload) {
  // Once expanded, the node is an alias that no other equals: the payload's place is kept apart.
  const auto [place, is_new] = lazy_.try_emplace({source, payload}, static_cast<NodeId>(nodes_.size()));
  if (is_new) nodes_.push_back({.kind = Node::Kind::kLazy, .first = payload, .source = source});
  return place->second;
}

NodeId Network::Declare() {
  nodes_.push_back({.kind = Node::Kind::kDeclared});
  return static_cast<NodeId>(nodes_.size() - 1);
}

void Network::Define(NodeId declared, NodeId meaning) {
  assert(nodes_[declared].kind == Node::Kind::kDeclared);
  nodes_[declared] = {.kind = Node::Kind::kAlias, .next = meaning};
}

NodeId Network::SpecialToken(std::int32_t token, NodeId next) { return Lexeme(lexer_.StartToken(token), next); }

NodeId Network::Resolve(NodeId id) {
  // An alias of itself, directly or in a ring, means nothing.
  for (std::size_t hops = 0; hops <= nodes_.size(); ++hops) {
    const Node node = nodes_[id];
    if (node.kind == Node::Kind::kAlias) {
      id = node.next;
    } else if (node.kind == Node::Kind::kLazy) {
      nodes_[id] = {.kind = Node::Kind::kDeclared};  // in the making: it may be named by what it makes
      const NodeId meaning = node.source->Expand(*this, node.first);
      nodes_[id] = {.kind = Node::Kind::kAlias, .next = meaning};
    } else {
      return node.kind == Node::Kind::kDeclared ? kFailNode : id;
    }
  }
  return kFailNode;
}

}  // namespace strata::grammar
