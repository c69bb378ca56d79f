#include "grammar/lexeme_tokens.h"

namespace strata::grammar {

void LexemeTokens::Collect(Lexer& lexer, LexState state, const TokenTrie& trie, std::uint32_t first,
                           std::uint32_t end) {
  trie.Walk(
      first, end, state, [&](LexState from, std::uint8_t byte) { return lexer.Next(from, byte); },
      [&](std::uint32_t node, LexState at) {
        for (const TokenId token : trie.tokens(node)) tokens.push_back(token);
        if (lexer.Accepts(at) && trie.node(node).end > node + 1) ends.push_back({&trie, node});
        return true;
      });
}

}  // namespace strata::grammar
