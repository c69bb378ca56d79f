// How a text can be brought to an end from where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "grammar/machine.h"
#include "grammar/shortest_lexemes.h"

namespace strata::grammar {

/// Goes by the network rather than by the texts: what each node takes at least to its end (the shortest derivation of a
/// grammar, as Knuth 1977 has it, looked for depth first within a budget, since nodes are made on demand) does not
/// depend on what stands before it, so it is found once. Not thread-safe.
class Completions {
 public:
  explicit Completions(Machine& machine) : machine_(machine), lexemes_(machine.lexer()) {}

  /// Bytes after which the text is of the grammar: few, though not always the fewest. Empty where it may end already;
  /// nullopt where a search of bounded size finds none.
  std::optional<std::string> Find(ConfigId from);

 private:
  /// More than any budget.
  static constexpr std::uint32_t kNever = 0x7FFFFFFF;
  /// How a node goes on to the end of what it is part of.
  struct Known {
    std::uint32_t bytes = 0;                       ///< so many; at least so many where no way is known
    bool way = false;                              ///< whether one is known
    NodeId alternative = kFailNode;                ///< of a choice
    const ShortestLexemes::End* lexeme = nullptr;  ///< of a lexeme
  };

  /// These give at least `budget` + 1 where there is no way of at most `budget` bytes.
  std::uint32_t NodeBytes(NodeId node, std::uint32_t budget);
  Known Evaluate(NodeId node, std::uint32_t budget);
  /// From `state` to the end of the lexeme, and on from there.
  Known LexemeBytes(const Node& node, LexState state, std::uint32_t budget);

  /// kNever where no way is found.
  std::uint32_t NodeBytes(NodeId node);
  std::uint32_t StackBytes(StackId stack);

  void AppendNode(NodeId node, std::string& text);
  void AppendStack(StackId stack, std::string& text);

  Machine& machine_;
  ShortestLexemes lexemes_;
  std::unordered_map<NodeId, Known> nodes_;
  /// What is being evaluated, and how deep that is: a way through a node to the same node is none.
  std::unordered_map<NodeId, std::size_t> open_;
  std::size_t reentered_ = kNotReentered;  ///< the least depth of a node that was met again
  std::unordered_map<StackId, std::uint32_t> stacks_;
  std::size_t work_ = 0;  ///< left of a search

  static constexpr std::size_t kNotReentered = SIZE_MAX;
};

}  // namespace strata::grammar
