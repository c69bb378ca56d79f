#include "grammar/machine.h"

#include <algorithm>

#include "base/hash.h"

namespace strata::grammar {
namespace {

/// Calls within calls before a byte is consumed: more is left recursion.
constexpr std::size_t kMaxClosureDepth = 10'000;
constexpr StackId kBottomStack = 0;

}  // namespace

Machine::Machine(Network& network, NodeId root) : network_(network) {
  configs_.emplace_back();
  configs_[kDeadConfig].next.Prepare({});
  InternStack({{kBottom, 0}});
  Closure closure;
  Enter(root, kBottomStack, closure);
  start_ = Finish(std::move(closure));
}

void Machine::Enter(NodeId node, StackId stack, Closure& closure) {
  node = network_.Resolve(node);
  if (node == kFailNode || exhausted_) return;
  const std::uint64_t place = static_cast<std::uint64_t>(node) << 32 | stack;
  if (std::ranges::find(closure.visited, place) != closure.visited.end()) return;
  closure.visited.push_back(place);
  if (++closure.depth > kMaxClosureDepth || closure.threads.size() > kMaxThreads) {
    exhausted_ = true;
    return;
  }
  const Node at = network_.node(node);
  switch (at.kind) {
    case Node::Kind::kAccept: {
      const std::vector<Frame> frames = stacks_[stack];
      for (const Frame& frame : frames) {
        if (frame.node == kBottom) {
          closure.accepts = true;
        } else {
          Enter(frame.node, frame.rest, closure);
        }
      }
      break;
    }
    case Node::Kind::kLexeme:
    case Node::Kind::kWordLexeme:
      Stand({at.start, node, stack}, closure);
      break;
    case Node::Kind::kCall:
      Enter(at.callee, Push(at.next, stack), closure);
      break;
    case Node::Kind::kChoice:
      for (std::uint32_t i = 0; i < at.count; ++i) Enter(network_.links(at)[i], stack, closure);
      break;
    default:
      break;  // Resolve gives no other
  }
  --closure.depth;
}

/// Within a lexeme, where it goes on, and behind it, where it is complete.
void Machine::Stand(const Thread& thread, Closure& closure) {
  if (!lexer().MayFollow(thread.state).empty()) closure.threads.push_back(thread);
  if (lexer().Accepts(thread.state)) {
    Enter(network_.After(network_.node(thread.node), thread.state), thread.stack, closure);
  }
}

ConfigId Machine::ComputeStep(ConfigId config, std::uint8_t byte) {
  Closure closure;
  for (const Thread& thread : configs_[config].threads) {
    const LexState state = lexer().Next(thread.state, byte);
    if (state == kDeadState) continue;
    Stand({state, thread.node, thread.stack}, closure);
  }
  const ConfigId next = Finish(std::move(closure));
  configs_[config].next.Set(byte, next);
  return next;
}

void Machine::Prepare(Config& config) {
  ByteSet may;
  for (const Thread& thread : config.threads) may.AddAll(lexer().MayFollow(thread.state));
  config.next.Prepare(may);
}

ConfigId Machine::AfterLexeme(const Thread& thread, LexState state) {
  const NodeId next = network_.After(network_.node(thread.node), state);
  const auto [place, is_new] = after_.try_emplace({next, thread.stack}, kDeadConfig);
  if (is_new) {
    Closure closure;
    Enter(next, thread.stack, closure);
    place->second = Finish(std::move(closure));
  }
  return place->second;
}

ConfigId Machine::ConfigOf(std::span<const Thread> threads) {
  Closure closure;
  closure.threads.assign(threads.begin(), threads.end());
  return Finish(std::move(closure));
}

ConfigId Machine::Finish(Closure closure) {
  std::vector<Thread>& threads = closure.threads;
  std::ranges::sort(threads);
  std::size_t kept = 0;
  for (const Thread& thread : threads) {
    if (kept > 0 && threads[kept - 1].state == thread.state && threads[kept - 1].node == thread.node) {
      threads[kept - 1].stack = Union(threads[kept - 1].stack, thread.stack);
    } else {
      threads[kept++] = thread;
    }
  }
  threads.resize(kept);
  if (exhausted() || (threads.empty() && !closure.accepts)) return kDeadConfig;
  const std::uint64_t hash = Hash64(std::as_bytes(std::span(threads)), closure.accepts ? 1 : 0);
  const auto [begin, end] = config_index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Config& other = configs_[it->second];
    if (other.accepts == closure.accepts && other.threads == threads) return it->second;
  }
  if (configs_.size() >= kMaxConfigs) {
    exhausted_ = true;
    return kDeadConfig;
  }
  const auto id = static_cast<ConfigId>(configs_.size());
  configs_.push_back({.threads = std::move(threads), .accepts = closure.accepts});
  config_index_.emplace(hash, id);
  return id;
}

StackId Machine::Push(NodeId node, StackId rest) { return InternStack({{node, rest}}); }

StackId Machine::InternStack(std::vector<Frame> frames) {
  const std::uint64_t hash = Hash64(std::as_bytes(std::span(frames)));
  const auto [begin, end] = stack_index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (stacks_[it->second] == frames) return it->second;
  }
  const auto id = static_cast<StackId>(stacks_.size());
  stacks_.push_back(std::move(frames));
  stack_index_.emplace(hash, id);
  return id;
}

StackId Machine::Union(StackId a, StackId b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  if (const auto known = unions_.find({a, b}); known != unions_.end()) return known->second;
  std::vector<Frame> both = stacks_[a];
  both.insert(both.end(), stacks_[b].begin(), stacks_[b].end());
  std::ranges::sort(both);
  std::vector<Frame> merged;
  for (const Frame& frame : both) {
    if (!merged.empty() && merged.back().node == frame.node) {
      merged.back().rest = Union(merged.back().rest, frame.rest);
    } else {
      merged.push_back(frame);
    }
  }
  const StackId result = InternStack(std::move(merged));
  unions_.emplace(std::pair(a, b), result);
  return result;
}

}  // namespace strata::grammar
