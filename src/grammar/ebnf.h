// Context-free grammars as people write them: llama.cpp's GBNF and XGrammar's EBNF (one syntax), and Lark's.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/network.h"

namespace strata::grammar {

/// GBNF: `root ::= "a" [0-9]+ (b | c)? # comment`. The start is `root`. Rules may be left-recursive. Errors, with line
/// and column: kInvalidArgument (syntax, an undefined rule, no root, a rule that derives no finite text) and
/// kUnsupported (tokens of the vocabulary, look-ahead, a grammar that is too large).
Result<NodeId> CompileGbnf(Network& network, std::string_view text);

/// Lark: `start: A b* ("," b)~1..3`, terminals in upper case with regular expressions (of pattern.h) and strings (flag
/// i), ranges, %ignore, %import common.*, ?rule, !rule, aliases, priorities (which do not change what is accepted). The
/// start is `start`. Ignored texts may stand before, between and after terminals; a text may be cut into terminals in
/// any way, so that a keyword may also be a name, and two names need nothing between them. Errors as above; templates,
/// %declare, %override, %extend and other imports are kUnsupported. `spelling`: kText or kJsonPart, of each terminal.
Result<NodeId> CompileLark(Network& network, std::string_view text, Spelling spelling = Spelling::kText);

}  // namespace strata::grammar
