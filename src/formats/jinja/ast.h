// What the parser makes and the interpreter walks. Immutable once parsed, so threads share it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "formats/jinja/value.h"

namespace strata::jinja {

using FilterFunction = Value (*)(Interpreter&, const Value&, CallArgs&);
using TestFunction = bool (*)(Interpreter&, const Value&, CallArgs&);
/// `parameters`: the names after the value, parted by spaces; "*" for any (see CheckArguments).
struct Filter {
  FilterFunction function;
  std::string_view parameters;
};
/// nullptr when there is none of that name.
const Filter* FindFilter(std::string_view name);
TestFunction FindTest(std::string_view name);

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind {
  kConst,
  kName,
  kTuple,
  kList,
  kDict,
  kAttribute,
  kItem,
  kSlice,
  kCall,
  kFilter,
  kTest,
  kNegate,
  kPlus,
  kNot,
  kBinary,
  kConcat,
  kCompare,
  kAnd,
  kOr,
  kConditional,
};
enum class Op { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow, kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

struct Expr {
  ExprKind kind;
  int line;
  Value constant;
  std::string name;
  int id = -1;  ///< of a name: its number in Program::names
  Op op = Op::kAdd;
  std::vector<Op> ops;  ///< of a comparison chain
  std::vector<ExprPtr>
      children;  ///< operands; of a dict: key, value, ...; of a call: callee; of a slice: bounds or null
  std::vector<ExprPtr> args;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, double_star;
  // As in jinja2, a branch that never runs may name filters and tests that do not exist: null, an error when reached.
  const Filter* filter = nullptr;
  TestFunction test = nullptr;
};

struct Stmt;
using Block = std::vector<std::unique_ptr<Stmt>>;

enum class StmtKind {
  kText,
  kOutput,
  kIf,
  kFor,
  kSet,
  kSetBlock,
  kMacro,
  kCall,
  kFilter,
  kWith,
  kScope,
  kBlock,
  kBreak,
  kContinue
};

/// Where an assignment goes: a name, a namespace attribute, or a tuple of targets.
struct Target {
  int id = -1;
  std::string name;
  std::string attribute;
  std::vector<Target> items;
};

struct Stmt {
  StmtKind kind;
  int line;
  std::string text;
  std::vector<ExprPtr> exprs;  ///< output and conditions; for: [iterable, filter or null]; with: values
  std::vector<Target> targets;
  std::vector<Block> blocks;  ///< if: one per condition, then else; for: body, else
  bool recursive = false;     ///< of a for
  bool scoped = false;        ///< a block that sees the variables around it
  std::string name;           ///< of a macro
  int id = -1;
  std::vector<std::pair<std::string, int>> parameters;
  std::vector<ExprPtr> defaults;                                        ///< of the last parameters
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;  ///< of a macro: names its body reads
};

struct Program {
  Block body;
  std::vector<std::string> names;
};

/// Throws TemplateError with the line.
Program ParseTemplate(std::string_view source);

}  // namespace strata::jinja
