// Recognises the texts of a network byte by byte: a pushdown automaton made deterministic, state by state, as texts
// visit it. A state ("config") is every way in which the bytes so far can be read; the ways that differ only in what
// called them share a stack, so their number stays small however ambiguous the grammar.
//
//   Machine machine(network, root);
//   machine.Accepts(machine.Read(machine.start(), text))
//
// Configs are values: going back is taking an older one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar/byte_table.h"
#include "grammar/network.h"

namespace strata::grammar {

using ConfigId = std::uint32_t;
inline constexpr ConfigId kDeadConfig = 0;
using StackId = std::uint32_t;

/// One way to read the text so far: within the lexeme of `node`, called from any of the places in `stack`.
struct Thread {
  LexState state;
  NodeId node;
  StackId stack;
  auto operator<=>(const Thread&) const = default;
};

/// Not thread-safe.
class Machine {
 public:
  /// A place where a call goes on that has come to its end.
  struct Frame {
    NodeId node;  ///< kBottom: the whole text is complete
    StackId rest;
    auto operator<=>(const Frame&) const = default;
  };
  static constexpr NodeId kBottom = 0xFFFFFFFF;

  Machine(Network& network, NodeId root);

  ConfigId start() const { return start_; }
  /// kDeadConfig where no text of the grammar goes on so.
  ConfigId Step(ConfigId config, std::uint8_t byte) {
    Config& from = configs_[config];
    if (!from.next.prepared()) Prepare(from);
    const ConfigId next = from.next.Get(byte);
    return next != ByteTable::kUnknown ? next : ComputeStep(config, byte);
  }
  /// Where `text` leads from `config`.
  ConfigId Read(ConfigId config, std::string_view text) {
    for (const char byte : text) config = Step(config, static_cast<std::uint8_t>(byte));
    return config;
  }
  /// Whether the text so far is of the grammar.
  bool Accepts(ConfigId config) const { return configs_[config].accepts; }
  std::span<const Thread> threads(ConfigId config) const { return configs_[config].threads; }
  /// What called the ways to read that share the stack. Valid until the next step.
  std::span<const Frame> frames(StackId stack) const { return stacks_[stack]; }
  /// The bytes that may go on; all others are dead.
  const ByteSet& MayFollow(ConfigId config) {
    if (!configs_[config].next.prepared()) Prepare(configs_[config]);
    return configs_[config].next.may();
  }
  /// A config with only these threads.
  ConfigId ConfigOf(std::span<const Thread> threads);
  /// Where the text stands when the lexeme of a thread, accepted in `state`, ends here.
  ConfigId AfterLexeme(const Thread& thread, LexState state);

  /// Set when a text would have needed more than kMaxThreads ways to read or kMaxConfigs configs (or a grammar recurses
  /// to the left): what is asked afterwards is dead. Whoever steps must look.
  bool exhausted() const { return exhausted_ || network_.regexes().exhausted(); }
  std::size_t size() const { return configs_.size(); }
  Network& network() { return network_; }
  Lexer& lexer() { return network_.lexer(); }

  static constexpr std::size_t kMaxThreads = 2'000;
  static constexpr std::size_t kMaxConfigs = 100'000;

 private:
  struct Config {
    std::vector<Thread> threads = {};  ///< sorted; no two alike but for the stack
    bool accepts = false;
    ByteTable next = {};
  };
  /// What is being gathered for a config.
  struct Closure {
    std::vector<Thread> threads;
    std::vector<std::uint64_t> visited;  ///< node and stack; mostly a handful
    bool accepts = false;
    std::size_t depth = 0;
  };

  ConfigId ComputeStep(ConfigId config, std::uint8_t byte);
  void Prepare(Config& config);
  void Stand(const Thread& thread, Closure& closure);
  void Enter(NodeId node, StackId stack, Closure& closure);
  ConfigId Finish(Closure closure);
  StackId Push(NodeId node, StackId rest);
  StackId InternStack(std::vector<Frame> frames);
  StackId Union(StackId a, StackId b);

  Network& network_;
  std::deque<Config> configs_;  // stay where they are
  std::unordered_multimap<std::uint64_t, ConfigId> config_index_;
  std::vector<std::vector<Frame>> stacks_;  ///< frames sorted, no two of one node; 0 is the bottom
  std::unordered_multimap<std::uint64_t, StackId> stack_index_;
  std::map<std::pair<StackId, StackId>, StackId> unions_;
  std::map<std::pair<NodeId, StackId>, ConfigId> after_;  ///< of AfterLexeme: a mask asks as often as a text goes on
  ConfigId start_ = kDeadConfig;
  bool exhausted_ = false;
};

}  // namespace strata::grammar
