// Expressions of the template language, by recursive descent in jinja2's order of precedence.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/jinja/ast.h"
#include "formats/jinja/lexer.h"

namespace strata::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view source) : tokens_(Tokenize(source)) {}

 protected:
  class Nest {
   public:
    explicit Nest(ExpressionParser& parser);
    ~Nest() { --parser_.depth_; }

   private:
    ExpressionParser& parser_;
  };

  [[noreturn]] void Error(std::string message) const;
  const Token& Peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool IsName(std::string_view name) const { return Peek().kind == TokenKind::kName && Peek().text == name; }
  bool IsOp(std::string_view op) const { return Peek().kind == TokenKind::kOperator && Peek().text == op; }
  Token Next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_.back(); }
  bool SkipName(std::string_view name);
  bool SkipOp(std::string_view op);
  void ExpectOp(std::string_view op);
  std::string ExpectName();
  int Id(const std::string& name);
  ExprPtr Make(ExprKind kind) const;

  ExprPtr ParseExpression(bool with_condition = true);
  /// A bare tuple or one expression; stops before `stop` (a name), if given.
  ExprPtr ParseTuple(bool with_condition, std::string_view stop = {}, bool parenthesized = false);
  ExprPtr ParseFilters(ExprPtr node, bool start_inline);
  ExprPtr ParsePostfix(ExprPtr node);
  ExprPtr ParseUnary(bool with_filter = true);

  std::vector<std::string> names_;
  std::vector<std::string> mentioned_;  ///< those of caller, varargs, kwargs that the macro being parsed reads

 private:
  ExprPtr ParseOr();
  ExprPtr ParseAnd();
  ExprPtr ParseNot();
  ExprPtr ParseCompare();
  ExprPtr ParseSum();
  ExprPtr ParseConcat();
  ExprPtr ParseProduct();
  ExprPtr ParsePower();
  ExprPtr ParsePrimary();
  ExprPtr ParseNumber();
  ExprPtr ParseDict();
  ExprPtr ParseSubscript(ExprPtr node);
  ExprPtr ParseIndex();
  ExprPtr ParseTest(ExprPtr node);
  void ParseArguments(Expr& call);
  template <class Parse>
  ExprPtr Binary(Parse parse, std::initializer_list<std::pair<std::string_view, Op>> ops);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::unordered_map<std::string, int> ids_;
};

}  // namespace strata::jinja
