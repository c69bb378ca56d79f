#include "grammar/masker.h"

#include <algorithm>

namespace strata::grammar {
namespace {

/// As many tokens as a mask of 128k bits has words to copy.
constexpr std::size_t kSparse = 2'000;
/// Dense masks of 16 KiB are forgotten all together when there are so many (32 MiB).
constexpr std::size_t kMaxDense = 2'000;

void SetBits(MaskWords mask, std::span<const TokenId> tokens) {
  for (const TokenId token : tokens) SetBit(mask, token);
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
  if (machine_.Accepts(config)) SetBits(mask, vocabulary_.end_tokens());
}

void Masker::FillThread(const Thread& thread, const Inside& inside, MaskWords mask) {
  if (inside.common != nullptr) Add(mask, *inside.common);
  if (!inside.dense.empty()) Add(mask, inside.dense);
  FillAfter(thread, inside, inside.closes_anywhere, mask);
}

/// The tokens that leave the thread's lexeme, where what follows takes them.
void Masker::FillAfter(const Thread& thread, const LexemeTokens& tokens, bool closes_anywhere, MaskWords mask) {
  SetBits(mask, tokens.tokens);
  if (!closes_anywhere && tokens.ends.empty()) return;
  // A lexeme that is no word goes on at one place, whatever it spelled.
  const ConfigId after = machine_.AfterLexeme(thread, thread.state);
  if (after == kDeadConfig) return;
  if (closes_anywhere) FillBelow(Whole(vocabulary_.in_json_string().after_closing), after, mask);
  for (const auto& [trie, node] : tokens.ends) {
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
        SetBits(mask, place.trie->tokens(node));
        const std::uint32_t end = place.trie->node(node).end;
        if (end - node < TokenTrie::kWorthRemembering) return true;
        const std::span<const Thread> threads = machine_.threads(at);
        if (threads.size() != 1 || machine_.network().node(threads[0].node).kind == Node::Kind::kWordLexeme) {
          return true;
        }
        const Thread thread = threads[0];
        if (place.trie == &vocabulary_.all() && machine_.lexer().IsFreeContent(thread.state)) {
          const auto& known = vocabulary_.in_json_string().below_quote;
          if (const auto found = known.find(node); found != known.end()) {
            FillAfter(thread, found->second, false, mask);
            return false;
          }
        }
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
      inside->Collect(machine_.lexer(), state, *place.trie, place.first, place.end);
    }
    if (inside->tokens.size() > kSparse) {
      inside->dense.assign(vocabulary_.mask_words(), 0);
      SetBits(inside->dense, inside->tokens);
      inside->tokens = {};
      ++dense_;
    }
  }
  return *inside;
}

Masker::Inside Masker::ComputeInString(LexState state, Lexer::Freedom freedom) {
  Lexer& lexer = machine_.lexer();
  const Vocabulary::JsonStringTokens& json = vocabulary_.in_json_string();
  Inside inside;
  if (freedom.any) {
    inside.common = freedom.may_end ? &json.any : &json.any_open;
    inside.closes_anywhere = freedom.may_end;
    inside.Collect(lexer, state, json.not_short);
    if (!freedom.may_end) inside.Collect(lexer, state, json.closing);
    return inside;
  }
  if (freedom.stops) {
    inside.common = &json.ordinary[freedom.depth];
  } else if (freedom.depth == Lexer::kFreeLimit) {
    inside.common = &json.ordinary[freedom.depth];
    inside.Collect(lexer, state, json.not_short);
  } else {
    inside.Collect(lexer, state, json.every_ordinary);
  }
  inside.Collect(lexer, state, json.closing);
  inside.Collect(lexer, state, json.other);
  return inside;
}

}  // namespace strata::grammar
