// A grammar in productions, its properties, and what the lowering to a network asks of it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "grammar/grammar_ast.h"

namespace strata::grammar {

struct Symbol {
  bool is_rule = false;
  std::uint32_t id = 0;  ///< RegexId of a terminal, place of a rule
  bool operator==(const Symbol&) const = default;
};

using Production = std::vector<Symbol>;

/// Rules without names: those of the author's that are not regular, and one for each group and repetition in them.
struct ProductionGrammar {
  struct Rule {
    std::vector<Production> productions;
    std::uint32_t author = 0;  ///< the rule of the AST that it is (part of)
    bool nullable = false;
  };
  std::vector<Rule> rules;
  Symbol start;
};

/// Folds what is regular into terminals and writes out the rest. Errors: as LowerGrammar.
Result<ProductionGrammar> MakeProductions(RegexStore& store, const GrammarAst& ast);

}  // namespace strata::grammar
