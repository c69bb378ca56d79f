// What a lexeme alone decides about tokens: those that stay within it, and the places where it is complete and more
// comes.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/tokenizer.h"
#include "grammar/lexer.h"
#include "grammar/token_trie.h"

namespace strata::grammar {

struct LexemeTokens {
  std::vector<TokenId> tokens;  ///< they stay within the lexeme, or end with it
  /// Nodes at which the lexeme is complete and below which tokens go on.
  struct End {
    const TokenTrie* trie;
    std::uint32_t node;
  };
  std::vector<End> ends;

  /// Adds what is found below `state` in the subtrees [first, end) of siblings.
  void Collect(Lexer& lexer, LexState state, const TokenTrie& trie, std::uint32_t first, std::uint32_t end);
  void Collect(Lexer& lexer, LexState state, const TokenTrie& trie) { Collect(lexer, state, trie, 0, trie.size()); }
};

}  // namespace strata::grammar
