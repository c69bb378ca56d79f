#include "grammar/masker.h"

#include <algorithm>

namespace strata::grammar {
namespace {

/// Subtrees of fewer nodes are walked again rather than remembered.
constexpr std::uint32_t kWorthRemembering = 64;
/// As many tokens as a mask of 128k bits has words to copy.
constexpr std::size_t kSparse = 2'000;
/// Dense masks of 16 KiB are forgotten all together when there are so many (32 MiB).
constexpr std::size_t kMaxDense = 2'000;

void Set(MaskWords mask, TokenId token) { mask[static_cast<std::size_t>(token) / 32] |= 1u << (token % 32); }

void Set(MaskWords mask, std::span<const TokenId> tokens) {
  for (const TokenId token : tokens) Set(mask, token);
}

void Add(MaskWords mask, std::span<const std::uint32_t> words) {
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] |= words[i];
}

}  // namespace

Masker::Masker(Machine& machine, const Vocabulary& vocabulary) : machine_(machine), vocabulary_(vocabulary) {}

void Masker::Fill(ConfigId config, MaskWords mask) {
  std::ranges::fill(mask, 0);
  if (dense_ > kMaxDense) {  // here, where nothing holds on to one of them
    inside_.clear();
    dense_ = 0;
  }
  std::vector<Thread> narrow;
  const std::vector<Thread> threads(machine_.threads(config).begin(), machine_.threads(config).end());
  for (const Thread& thread : threads) {
    // What is asked for once need not be remembered; inside a string it pays at once.
    const bool is_string = machine_.lexer().IsStringContent(thread.state);
    const bool is_word = machine_.network().node(thread.node).kind == Node::Kind::kWordLexeme;
    if (!is_word && (is_string || ++asked_[thread.state] > 1)) {
      FillThread(thread, InsideOf(thread.state, Whole(vocabulary_.all())), mask);
    } else {
      narrow.push_back(thread);
    }
  }
  if (!narrow.empty()) {
    FillBelow(Whole(vocabulary_.all()), narrow.size() == threads.size() ? config : machine_.ConfigOf(narrow), mask);
  }
  if (machine_.Accepts(config)) Set(mask, vocabulary_.end_tokens());
}

void Masker::FillThread(const Thread& thread, const Inside& inside, MaskWords mask) {
  if (inside.ordinary >= 0) Add(mask, vocabulary_.in_json_string().ordinary[static_cast<std::size_t>(inside.ordinary)]);
  if (!inside.dense.empty()) Add(mask, inside.dense);
  Set(mask, inside.tokens);
  if (!inside.closing && inside.ends.empty()) return;
  // A lexeme that is no word goes on at one place, whatever it spelled.
  const ConfigId after = machine_.AfterLexeme(thread, thread.state);
  if (after == kDeadConfig) return;
  if (inside.closing) {
    Set(mask, vocabulary_.in_json_string().closing_exactly);
    FillBelow(Whole(vocabulary_.in_json_string().after_closing), after, mask);
  }
  for (const auto& [trie, node] : inside.ends) {
    for (std::uint32_t child = node + 1; child < trie->node(node).end; child = trie->node(child).end) {
      if (machine_.Step(after, trie->node(child).byte) == kDeadConfig) continue;
      FillBelow({trie, child, trie->node(child).end}, after, mask);
    }
  }
}

void Masker::FillBelow(const Place& place, ConfigId config, MaskWords mask) {
  place.trie->Walk(
      place.first, place.end, config, [&](ConfigId from, std::uint8_t byte) { return machine_.Step(from, byte); },
      [&](std::uint32_t node, ConfigId at) {
        Set(mask, place.trie->tokens(node));
        const std::uint32_t end = place.trie->node(node).end;
        if (end - node < kWorthRemembering) return true;
        const std::span<const Thread> threads = machine_.threads(at);
        if (threads.size() != 1 || machine_.network().node(threads[0].node).kind == Node::Kind::kWordLexeme) {
          return true;
        }
        const Thread thread = threads[0];
        FillThread(thread, InsideOf(thread.state, {place.trie, node + 1, end}), mask);
        return false;
      });
}

const Masker::Inside& Masker::InsideOf(LexState state, const Place& place) {
  std::unique_ptr<Inside>& inside = inside_[{state, {place.trie, place.first}}];
  if (inside == nullptr) {
    if (place.first == 0 && machine_.lexer().IsStringContent(state)) {
      inside = std::make_unique<Inside>(ComputeInString(state, machine_.lexer().FreedomOf(state)));
    } else {
      inside = std::make_unique<Inside>();
      WalkLexeme(state, place, *inside);
    }
    if (inside->tokens.size() > kSparse) {
      inside->dense.assign(vocabulary_.mask_words(), 0);
      Set(inside->dense, inside->tokens);
      inside->tokens = {};
      ++dense_;
    }
  }
  return *inside;
}

Masker::Inside Masker::ComputeInString(LexState state, Lexer::Freedom freedom) {
  const Vocabulary::JsonStringTokens& json = vocabulary_.in_json_string();
  Inside inside;
  const bool free = freedom.depth == Lexer::kFreeLimit;
  if (free || freedom.stops) {
    inside.ordinary = static_cast<int>(freedom.depth);
    if (free && !freedom.stops) WalkLexeme(state, Whole(json.long_ordinary), inside);
  } else {
    WalkLexeme(state, Whole(json.every_ordinary), inside);
  }
  if (free && freedom.may_end) {
    inside.closing = true;
  } else {
    WalkLexeme(state, Whole(json.closing), inside);
  }
  WalkLexeme(state, Whole(json.other), inside);
  return inside;
}

void Masker::WalkLexeme(LexState state, const Place& place, Inside& inside) {
  Lexer& lexer = machine_.lexer();
  place.trie->Walk(
      place.first, place.end, state, [&](LexState from, std::uint8_t byte) { return lexer.Next(from, byte); },
      [&](std::uint32_t node, LexState at) {
        const std::span<const TokenId> tokens = place.trie->tokens(node);
        inside.tokens.insert(inside.tokens.end(), tokens.begin(), tokens.end());
        if (lexer.Accepts(at) && place.trie->node(node).end > node + 1) inside.ends.push_back({place.trie, node});
        return true;
      });
}

}  // namespace strata::grammar
