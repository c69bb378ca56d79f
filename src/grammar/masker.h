// Which tokens may come next: walks the vocabulary's trie along the machine, with what the lexemes alone decide
// remembered, so that only the few tokens that leave a lexeme are looked at each time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "grammar/machine.h"
#include "grammar/vocabulary.h"

namespace strata::grammar {

/// Not thread-safe.
class Masker {
 public:
  Masker(Machine& machine, const Vocabulary& vocabulary);

  /// Writes vocabulary.mask_words() words: the tokens after which `config` is not dead, and the end tokens where it
  /// accepts.
  void Fill(ConfigId config, MaskWords mask);

 private:
  /// What a lexeme state decides about the tokens below one node of a trie.
  struct Inside : LexemeTokens {
    const std::vector<std::uint32_t>* common = nullptr;  ///< with these words of the vocabulary, where not null
    std::vector<std::uint32_t> dense;                    ///< in the place of `tokens` where these are many
    bool closes_anywhere = false;  ///< a quote ends the lexeme after any short token: see after_closing
  };
  struct Place {
    const TokenTrie* trie;
    std::uint32_t first;  ///< siblings' subtrees [first, end)
    std::uint32_t end;
  };

  void FillThread(const Thread& thread, const Inside& inside, MaskWords mask);
  void FillAfter(const Thread& thread, const LexemeTokens& tokens, bool closes_anywhere, MaskWords mask);
  void FillBelow(const Place& place, ConfigId config, MaskWords mask);
  const Inside& InsideOf(LexState state, const Place& place);
  Inside ComputeInString(LexState state, Lexer::Freedom freedom);
  static Place Whole(const TokenTrie& trie) { return {&trie, 0, trie.size()}; }

  Machine& machine_;
  const Vocabulary& vocabulary_;
  std::map<std::pair<LexState, std::pair<const TokenTrie*, std::uint32_t>>, std::unique_ptr<Inside>> inside_;
  std::unordered_map<LexState, std::uint32_t> asked_;  ///< how often a state stood at the beginning of a token
  std::size_t dense_ = 0;                              ///< of inside_
};

}  // namespace strata::grammar
