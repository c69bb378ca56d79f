// Context-free grammars as people write them: llama.cpp's GBNF and XGrammar's EBNF (one syntax), and Lark's.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/network.h"

namespace strata::grammar {

/// GBNF: `root ::= "a" [0-9]+ (b | c)? # comment`. The start is `root`. Errors: kInvalidArgument with line and column
/// (syntax, an undefined rule, no root, a rule that derives no finite text).
Result<NodeId> CompileGbnf(Network& network, std::string_view text);

/// Lark: `start: A b* ("," b)~1..3`, terminals in upper case with regular expressions and strings (flag i), %ignore,
/// %import common.*, ?rule, rule aliases, priorities (which do not change what is accepted). The start is `start`.
Result<NodeId> CompileLark(Network& network, std::string_view text);

}  // namespace strata::grammar
