// Walks a Program. One object renders once, on one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/chat_template.h"
#include "formats/jinja/ast.h"

namespace strata::jinja {

/// Variables of a block, by the number of their name; what is not here is looked for outside.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::map<int, Value> variables;
};

class Interpreter {
 public:
  Interpreter(const Program& program, const TemplateLimits& limits, std::int64_t now);

  void SetGlobal(std::string_view name, Value value);
  /// Throws TemplateError.
  std::string Render();

  // For filters, tests and methods.
  Value Call(const Value& callee, CallArgs& args);
  /// jinja2's environment.getattr and getitem; undefined when there is no such thing.
  Value GetAttribute(const Value& value, const std::string& name);
  Value GetItem(const Value& value, const Value& key);
  /// A string no longer than the limit.
  Value MakeString(std::string text, bool markup = false);
  void CheckSize(std::size_t bytes) const;
  void Step(std::size_t count = 1);
  std::int64_t now() const { return now_; }

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Nest;

  Flow Run(const Block& block);
  Flow Execute(const Stmt& stmt);
  Flow RunFor(const Stmt& stmt);
  Flow LoopOver(const Stmt& stmt, std::vector<Value> items, std::size_t depth);
  Value MakeMacro(const Stmt& stmt);
  Value MacroAttribute(const Stmt& stmt, std::string_view attribute) const;
  void BindMacro(const Stmt& stmt, CallArgs& args, Scope& scope);
  /// The number of a name that the template mentions; -1 when it does not.
  int NameId(std::string_view name) const;
  std::string Capture(const Block& block);
  void Assign(const Target& target, const Value& value);
  void Write(std::string_view text);

  Value Evaluate(const Expr& expr);
  Value EvaluateNode(const Expr& expr);
  Value Name(const Expr& expr);
  Value Binary(const Expr& expr);
  Value Compare(const Expr& expr);
  Value Slice(const Value& value, const Expr& slice);
  CallArgs Arguments(const Expr& expr);
  Value Apply(const Expr& filter, const Value& input);
  /// {% filter a | b %}: the chain's innermost filter has no operand of its own and takes `input`.
  Value ApplyChain(const Expr& filter, const Value& input);

  const Program& program_;
  const TemplateLimits& limits_;
  std::int64_t now_;
  std::size_t steps_ = 0, depth_ = 0;
  std::shared_ptr<Scope> scope_;
  std::map<std::string, Value, std::less<>> builtins_;
  std::string* out_ = nullptr;
};

/// "...".upper() and friends; undefined when there is no such method.
Value FindMethod(const Value& value, const std::string& name);
/// The filter of that name on `input`, its arguments checked; raises for nullptr (no such filter).
Value CallFilter(Interpreter& interpreter, std::string_view name, const Filter* filter, const Value& input,
                 CallArgs& args);
/// range, namespace, raise_exception and so on.
void AddGlobals(Interpreter& interpreter);
Value MakeRange(Interpreter& interpreter, std::int64_t start, std::int64_t stop, std::int64_t step);
/// format % values: a tuple is several values, a dict the values of "%(name)s".
Value PercentFormat(Interpreter& interpreter, const Value& format, const Value& values);
/// format.format(*args.positional, **args.named).
Value BraceFormat(Interpreter& interpreter, const Value& format, const CallArgs& args);

}  // namespace strata::jinja
