#include "grammar/completion.h"

#include <algorithm>

namespace strata::grammar {
namespace {

/// A longer completion is of no use: nobody keeps so many tokens back for it.
constexpr std::uint32_t kMostBytes = 4'096;
/// Nodes that one search evaluates, and how deep within each other.
constexpr std::size_t kMostWork = 20'000;
constexpr std::size_t kMostDepth = 5'000;

}  // namespace

Completions::Known Completions::LexemeBytes(const Node& node, LexState state, std::uint32_t budget) {
  Known best{.bytes = budget + 1};
  const auto& ends = node.kind == Node::Kind::kLexeme ? lexemes_.Shortest(state) : lexemes_.Words(state);
  if (ends.empty()) best.bytes = kNever;
  for (const ShortestLexemes::End& end : ends) {
    const auto bytes = static_cast<std::uint32_t>(end.text.size());
    if (bytes > budget) break;  // the others are no shorter
    const std::uint32_t all = bytes + NodeBytes(machine_.network().After(node, end.state), budget - bytes);
    if (all > budget) continue;
    best = {.bytes = all, .way = true, .lexeme = &end};
    if (all == 0) break;
    budget = all - 1;
  }
  return best;
}

Completions::Known Completions::Evaluate(NodeId id, std::uint32_t budget) {
  Network& network = machine_.network();
  const Node node = network.node(id);
  switch (node.kind) {
    case Node::Kind::kLexeme:
    case Node::Kind::kWordLexeme:
      return LexemeBytes(node, node.start, budget);
    case Node::Kind::kCall: {
      const std::uint32_t callee = NodeBytes(node.callee, budget);
      if (callee > budget) return {.bytes = callee};
      const std::uint32_t all = callee + NodeBytes(node.next, budget - callee);
      return {.bytes = all, .way = all <= budget};
    }
    case Node::Kind::kChoice: {
      Known best{.bytes = budget + 1};
      for (std::uint32_t i = 0; i < node.count; ++i) {
        const NodeId alternative = network.links(node)[i];
        const std::uint32_t bytes = NodeBytes(alternative, budget);
        if (bytes > budget) continue;
        best = {.bytes = bytes, .way = true, .alternative = alternative};
        if (bytes == 0) break;
        budget = bytes - 1;
      }
      return best;
    }
    default:
      return {.bytes = kNever};
  }
}

std::uint32_t Completions::NodeBytes(NodeId id, std::uint32_t budget) {
  id = machine_.network().Resolve(id);
  if (id == kAcceptNode) return 0;
  if (const auto known = nodes_.find(id);
      known != nodes_.end() && (known->second.way || known->second.bytes > budget)) {
    return known->second.bytes;
  }
  const std::size_t depth = open_.size();
  if (work_ == 0 || depth == kMostDepth || machine_.exhausted()) {
    reentered_ = 0;  // nothing that is open has seen all of its ways
    return budget + 1;
  }
  const auto [opened, is_new] = open_.try_emplace(id, depth);
  if (!is_new) {
    reentered_ = std::min(reentered_, opened->second);
    return budget + 1;
  }
  --work_;
  const Known found = Evaluate(id, budget);
  open_.erase(id);
  if (reentered_ >= depth && work_ > 0) reentered_ = kNotReentered;
  // That there is no way within the budget is known only where each was followed to its end.
  if (found.way || reentered_ == kNotReentered) nodes_[id] = found;
  return found.bytes;
}

std::uint32_t Completions::NodeBytes(NodeId node) {
  reentered_ = kNotReentered;
  const std::uint32_t bytes = NodeBytes(node, kMostBytes);
  return bytes <= kMostBytes ? bytes : kNever;
}

std::uint32_t Completions::StackBytes(StackId stack) {
  if (const auto known = stacks_.find(stack); known != stacks_.end()) return known->second;
  std::uint32_t best = kNever;
  for (const Machine::Frame& frame : machine_.frames(stack)) {
    if (frame.node == Machine::kBottom) {
      best = 0;
      break;
    }
    const std::uint32_t rest = StackBytes(frame.rest);
    if (rest < best) best = std::min(best, rest + NodeBytes(frame.node));
  }
  if (work_ > 0 || best < kNever) stacks_.emplace(stack, best);
  return best;
}

void Completions::AppendNode(NodeId id, std::string& text) {
  Network& network = machine_.network();
  for (;;) {
    id = network.Resolve(id);
    if (id == kAcceptNode) return;
    const Node node = network.node(id);
    const Known& known = nodes_.at(id);
    if (node.kind == Node::Kind::kChoice) {
      id = known.alternative;
    } else if (node.kind == Node::Kind::kCall) {
      AppendNode(node.callee, text);
      id = node.next;
    } else {
      text += known.lexeme->text;
      id = network.After(node, known.lexeme->state);
    }
  }
}

void Completions::AppendStack(StackId stack, std::string& text) {
  while (true) {
    const auto frames = machine_.frames(stack);
    const auto bytes = [&](const Machine::Frame& frame) {
      return frame.node == Machine::kBottom ? 0 : std::min(kNever, StackBytes(frame.rest) + NodeBytes(frame.node));
    };
    const Machine::Frame frame = *std::ranges::min_element(frames, {}, bytes);
    if (frame.node == Machine::kBottom) return;
    AppendNode(frame.node, text);
    stack = frame.rest;
  }
}

std::optional<std::string> Completions::Find(ConfigId from) {
  if (machine_.Accepts(from)) return "";
  Network& network = machine_.network();
  work_ = kMostWork;
  std::uint32_t budget = kMostBytes;
  const Thread* best = nullptr;
  const ShortestLexemes::End* lexeme = nullptr;
  for (const Thread& thread : machine_.threads(from)) {
    const std::uint32_t rest = StackBytes(thread.stack);
    if (rest > budget) continue;
    reentered_ = kNotReentered;
    const Node node = network.node(thread.node);  // the network grows
    const Known found = LexemeBytes(node, thread.state, budget - rest);
    if (!found.way) continue;
    best = &thread;
    lexeme = found.lexeme;
    if (found.bytes + rest == 0) break;
    budget = found.bytes + rest - 1;
  }
  if (best == nullptr) return std::nullopt;
  std::string text = lexeme->text;
  AppendNode(network.After(network.node(best->node), lexeme->state), text);
  AppendStack(best->stack, text);
  return text;
}

}  // namespace strata::grammar
