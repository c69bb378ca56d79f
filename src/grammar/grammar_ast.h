// A context-free grammar as its author wrote it: named rules over regular languages. Both notations of ebnf.h become
// this.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "grammar/network.h"
#include "grammar/text_cursor.h"

namespace strata::grammar {

struct Expression {
  enum class Kind : std::uint8_t {
    kTerminal,      ///< a text of `terminal`
    kRule,          ///< what `rule` derives
    kSequence,      ///< all children, one after the other; without any, the empty text
    kAlternatives,  ///< any child
    kRepeat,        ///< the child, `min` to `max` times
  };
  Kind kind = Kind::kSequence;
  RegexId terminal = RegexStore::kEmpty;
  std::uint32_t rule = 0;
  std::uint32_t min = 0, max = 0;
  std::vector<Expression> children = {};

  static Expression Terminal(RegexId regex) { return {.kind = Kind::kTerminal, .terminal = regex}; }
  static Expression Rule(std::uint32_t rule) { return {.kind = Kind::kRule, .rule = rule}; }
  static Expression Repeat(Expression child, std::uint32_t min, std::uint32_t max);
  /// What is there where there is only one.
  static Expression Sequence(std::vector<Expression> children);
  static Expression Alternatives(std::vector<Expression> children);
};

struct GrammarRule {
  std::string name;
  TextPosition position;
  Expression body = {};
};

struct GrammarAst {
  std::vector<GrammarRule> rules;
  std::uint32_t start = 0;
};

/// Collects rules, which may be used before they are defined.
class RuleTable {
 public:
  std::uint32_t Use(std::string_view name, TextPosition position);
  /// Errors: kInvalidArgument where the name has been defined before.
  Status Define(std::string_view name, TextPosition position, Expression body);
  /// Errors: kInvalidArgument where a rule is used and not defined, or `start` is not there.
  Result<GrammarAst> Finish(std::string_view start) &&;

 private:
  std::uint32_t Find(std::string_view name, TextPosition position);

  std::vector<GrammarRule> rules_;
  std::vector<bool> defined_;
  std::map<std::string, std::uint32_t, std::less<>> index_;
};

/// The network of the texts that `grammar` derives: rules without recursion that are regular become one lexeme, and
/// left recursion is turned into loops. Lexemes have the `spelling`, kText or kJsonPart. Errors: kInvalidArgument for a
/// rule that derives no finite text; kUnsupported for a grammar that is too large.
Result<NodeId> LowerGrammar(Network& network, const GrammarAst& grammar, Spelling spelling = Spelling::kText);

}  // namespace strata::grammar
