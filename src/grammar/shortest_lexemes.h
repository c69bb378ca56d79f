// The fewest bytes that bring a lexeme to an end from where it stands.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/lexer.h"

namespace strata::grammar {

/// Remembers what it has found. Not thread-safe.
class ShortestLexemes {
 public:
  /// A way to an accepting state.
  struct End {
    LexState state;
    std::string text;  ///< bytes that lead there
  };

  explicit ShortestLexemes(Lexer& lexer) : lexer_(lexer) {}

  /// One of the shortest, as the only one; none where a search of bounded size finds none.
  const std::vector<End>& Shortest(LexState from);
  /// Of a OneOf: to each word that `from` may become, the shortest first; those that a search of bounded size finds.
  const std::vector<End>& Words(LexState from);

 private:
  Lexer& lexer_;
  std::unordered_map<LexState, std::vector<End>> shortest_;
  std::unordered_map<LexState, std::vector<End>> words_;
};

}  // namespace strata::grammar
