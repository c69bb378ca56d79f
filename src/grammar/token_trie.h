// Tokens by their bytes, as a trie in one array: nodes in preorder, so that a walk goes straight ahead and a dead end
// skips its subtree.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace strata::grammar {

class TokenTrie {
 public:
  struct Node {
    std::uint32_t end;     ///< the node after the subtree
    std::uint32_t tokens;  ///< the first of its tokens; those of node i end where those of node i + 1 begin
    std::uint16_t depth;   ///< of its byte in the token, from 1
    std::uint8_t byte;
  };

  TokenTrie() : TokenTrie(std::vector<std::pair<std::string, std::int32_t>>()) {}
  /// Texts need be neither sorted nor distinct; empty ones are left out.
  explicit TokenTrie(std::vector<std::pair<std::string, std::int32_t>> tokens);

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size() - 1); }
  const Node& node(std::uint32_t i) const { return nodes_[i]; }
  /// Tokens whose text ends at this node.
  std::span<const std::int32_t> tokens(std::uint32_t i) const {
    return std::span(tokens_).subspan(nodes_[i].tokens, nodes_[i + 1].tokens - nodes_[i].tokens);
  }
  /// Subtrees of fewer nodes are walked again rather than what was found in them remembered.
  static constexpr std::uint32_t kWorthRemembering = 64;

  /// Goes through the nodes [first, end) (siblings' subtrees) from `start`: `step(state, byte)` gives the next state,
  /// of which State() is dead; `visit(node, state)` sees each node that is reached and returns whether to go below it.
  template <class State, class Step, class Visit>
  void Walk(std::uint32_t first, std::uint32_t end, State start, Step step, Visit visit) const {
    if (first == end) return;
    const std::uint16_t base = node(first).depth;
    // Subtrees are mostly shallow: a buffer of its own for the few that are not.
    std::array<State, 160> shallow;
    std::vector<State> deep;
    State* states = shallow.data();
    if (max_depth_ + 2u - base > shallow.size()) {
      deep.resize(max_depth_ + 2u - base);
      states = deep.data();
    }
    states[0] = start;
    for (std::uint32_t i = first; i < end;) {
      const Node& at = node(i);
      const State next = step(states[at.depth - base], at.byte);
      if (next == State() || !visit(i, next)) {
        i = at.end;
        continue;
      }
      states[at.depth - base + 1] = next;
      ++i;
    }
  }

 private:
  std::vector<Node> nodes_;  ///< and one more that ends the last
  std::vector<std::int32_t> tokens_;
  std::uint16_t max_depth_ = 0;
};

}  // namespace strata::grammar
