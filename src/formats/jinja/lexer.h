// Text to tokens, with jinja2's white space control (trim_blocks and lstrip_blocks on, one trailing newline dropped).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::jinja {

enum class TokenKind {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  ///< of a string: its value
};

/// Throws TemplateError with the line.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace strata::jinja
