#include "formats/jinja/interpreter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/unicode.h"
#include "formats/jinja/args.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

struct LoopObject final : Object {
  std::string ToString() const override { return fmt::format("<LoopContext {}/{}>", index + 1, items.size()); }
  std::vector<Value> items;
  std::size_t index = 0;
  std::size_t depth = 0;
  std::vector<Value> changed;
  bool has_changed = false;
  std::function<Value(Interpreter&, CallArgs&)> recurse;
};

/// list, tuple and range: what items and slices can be taken from by number.
bool IsSubscriptable(const Value& value) {
  if (!value.Is(Kind::kSequence)) return false;
  const SequenceType type = value.sequence().type;
  return type == SequenceType::kList || type == SequenceType::kTuple || type == SequenceType::kRange;
}

Value LoopAttribute(const std::shared_ptr<Object>& object, const std::string& name) {
  auto& loop = static_cast<LoopObject&>(*object);
  const auto integer = [](std::size_t value) { return Value::Int(static_cast<std::int64_t>(value)); };
  const std::size_t count = loop.items.size();
  if (name == "index") return integer(loop.index + 1);
  if (name == "index0") return integer(loop.index);
  if (name == "revindex") return integer(count - loop.index);
  if (name == "revindex0") return integer(count - loop.index - 1);
  if (name == "first") return Value::Bool(loop.index == 0);
  if (name == "last") return Value::Bool(loop.index + 1 == count);
  if (name == "length") return integer(count);
  if (name == "depth") return integer(loop.depth + 1);
  if (name == "depth0") return integer(loop.depth);
  if (name == "previtem") return loop.index > 0 ? loop.items[loop.index - 1] : Value();
  if (name == "nextitem") return loop.index + 1 < count ? loop.items[loop.index + 1] : Value();
  if (name == "cycle") {
    return MakeCallable("cycle", [object](Interpreter&, CallArgs& args) {
      if (args.positional.empty()) Raise("no items for cycling given");
      return args.positional[static_cast<LoopObject&>(*object).index % args.positional.size()];
    });
  }
  if (name == "changed") {
    return MakeCallable("changed", [object](Interpreter&, CallArgs& args) {
      auto& self = static_cast<LoopObject&>(*object);
      const bool same = self.has_changed && self.changed.size() == args.positional.size() &&
                        std::equal(self.changed.begin(), self.changed.end(), args.positional.begin(), Equal);
      self.has_changed = true;
      self.changed = args.positional;
      return Value::Bool(!same);
    });
  }
  return {};
}

}  // namespace

class Interpreter::Nest {
 public:
  explicit Nest(Interpreter& interpreter) : interpreter_(interpreter) {
    if (++interpreter_.depth_ > interpreter_.limits_.depth) {
      --interpreter_.depth_;
      throw TemplateError{ErrorCode::kResourceExhausted,
                          fmt::format("nested deeper than {}", interpreter_.limits_.depth)};
    }
  }
  ~Nest() { --interpreter_.depth_; }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  Interpreter& interpreter_;
};

Interpreter::Interpreter(const Program& program, const TemplateLimits& limits, std::int64_t now)
    : program_(program), limits_(limits), now_(now), scope_(std::make_shared<Scope>()) {
  AddGlobals(*this);
}

void Interpreter::SetGlobal(std::string_view name, Value value) {
  builtins_.insert_or_assign(std::string(name), std::move(value));
}

std::string Interpreter::Render() {
  std::string out;
  out_ = &out;
  Run(program_.body);
  return out;
}

void Interpreter::Step(std::size_t count) {
  steps_ += count;
  if (steps_ > limits_.steps) {
    throw TemplateError{ErrorCode::kResourceExhausted, fmt::format("more than {} steps", limits_.steps)};
  }
}

void Interpreter::CheckSize(std::size_t bytes) const {
  if (bytes > limits_.output_bytes) {
    throw TemplateError{ErrorCode::kResourceExhausted,
                        fmt::format("a text of more than {} bytes", limits_.output_bytes)};
  }
}

Value Interpreter::MakeString(std::string text, bool markup) {
  CheckSize(text.size());
  Step(text.size() / 64);  // long texts cost what they weigh
  return Value::String(std::move(text), markup);
}

void Interpreter::Write(std::string_view text) {
  CheckSize(out_->size() + text.size());
  *out_ += text;
}

Interpreter::Flow Interpreter::Run(const Block& block) {
  for (const auto& stmt : block) {
    const Flow flow = Execute(*stmt);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

std::string Interpreter::Capture(const Block& block) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  const std::shared_ptr<Scope> saved = scope_;
  scope_ = std::make_shared<Scope>(Scope{saved, {}});
  try {
    Run(block);
  } catch (...) {
    out_ = outer;
    scope_ = saved;
    throw;
  }
  out_ = outer;
  scope_ = saved;
  return text;
}

Interpreter::Flow Interpreter::Execute(const Stmt& stmt) {
  Step();
  const Nest nest(*this);
  try {
    switch (stmt.kind) {
      case StmtKind::kText:
        Write(stmt.text);
        break;
      case StmtKind::kOutput:
        for (const ExprPtr& expr : stmt.exprs) {
          const Value value = Evaluate(*expr);
          value.IsString() ? Write(value.text()) : Write(Str(value));
        }
        break;
      case StmtKind::kIf:
        for (std::size_t i = 0; i < stmt.blocks.size(); ++i) {
          if (i >= stmt.exprs.size() || Truth(Evaluate(*stmt.exprs[i]))) return Run(stmt.blocks[i]);
        }
        break;
      case StmtKind::kFor:
        return RunFor(stmt);
      case StmtKind::kSet:
        Assign(stmt.targets[0], Evaluate(*stmt.exprs[0]));
        break;
      case StmtKind::kSetBlock: {
        Value value = MakeString(Capture(stmt.blocks[0]));
        if (stmt.exprs[0] != nullptr) value = ApplyChain(*stmt.exprs[0], value);
        Assign(stmt.targets[0], value);
        break;
      }
      case StmtKind::kMacro:
        scope_->variables[stmt.id] = MakeMacro(stmt);
        break;
      case StmtKind::kCall: {
        const Expr& call = *stmt.exprs[0];
        const Value callee = Evaluate(*call.children[0]);
        CallArgs args = Arguments(call);
        args.named.emplace_back("caller", MakeMacro(stmt));
        Write(Str(Call(callee, args)));
        break;
      }
      case StmtKind::kFilter:
        Write(Str(ApplyChain(*stmt.exprs[0], MakeString(Capture(stmt.blocks[0])))));
        break;
      case StmtKind::kWith: {
        std::vector<Value> values;
        values.reserve(stmt.exprs.size());
        for (const ExprPtr& expr : stmt.exprs) values.push_back(Evaluate(*expr));
        const std::shared_ptr<Scope> saved = scope_;
        scope_ = std::make_shared<Scope>(Scope{saved, {}});
        for (std::size_t i = 0; i < values.size(); ++i) Assign(stmt.targets[i], values[i]);
        const Flow flow = Run(stmt.blocks[0]);
        scope_ = saved;
        return flow;
      }
      case StmtKind::kBlock: {
        const std::shared_ptr<Scope> saved = scope_;
        std::shared_ptr<Scope> around = saved;
        while (!stmt.scoped && around->parent != nullptr) around = around->parent;
        scope_ = std::make_shared<Scope>(Scope{around, {}});
        const Flow flow = Run(stmt.blocks[0]);
        scope_ = saved;
        return flow;
      }
      case StmtKind::kScope:
        Write(Capture(stmt.blocks[0]));
        break;
      case StmtKind::kBreak:
        return Flow::kBreak;
      case StmtKind::kContinue:
        return Flow::kContinue;
    }
  } catch (TemplateError& error) {
    if (error.line == 0) error.line = stmt.line;
    throw;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::RunFor(const Stmt& stmt) {
  const Value iterable = Evaluate(*stmt.exprs[0]);
  return LoopOver(stmt, Iterate(iterable), 0);
}

Interpreter::Flow Interpreter::LoopOver(const Stmt& stmt, std::vector<Value> items, std::size_t depth) {
  const std::shared_ptr<Scope> saved = scope_;
  if (stmt.exprs[1] != nullptr) {
    std::vector<Value> kept;
    for (Value& item : items) {
      scope_ = std::make_shared<Scope>(Scope{saved, {}});
      Assign(stmt.targets[0], item);
      if (Truth(Evaluate(*stmt.exprs[1]))) kept.push_back(std::move(item));
    }
    scope_ = saved;
    items = std::move(kept);
  }
  if (items.empty()) {
    scope_ = std::make_shared<Scope>(Scope{saved, {}});
    const Flow flow = Run(stmt.blocks[1]);
    scope_ = saved;
    return flow;
  }
  auto loop = std::make_shared<LoopObject>();
  loop->items = std::move(items);
  loop->depth = depth;
  if (stmt.recursive) {
    loop->recurse = [&stmt, depth](Interpreter& self, CallArgs& args) {
      if (args.positional.empty()) Raise("loop() needs an iterable");
      const Nest nest(self);
      std::string text;
      std::string* const outer = std::exchange(self.out_, &text);
      const std::shared_ptr<Scope> scope = self.scope_;
      try {
        self.LoopOver(stmt, Iterate(args.positional[0]), depth + 1);
      } catch (...) {
        self.out_ = outer;
        throw;
      }
      self.out_ = outer;
      self.scope_ = scope;
      return self.MakeString(std::move(text));
    };
  }
  const int loop_id = NameId("loop");
  for (loop->index = 0; loop->index < loop->items.size(); ++loop->index) {
    Step();
    scope_ = std::make_shared<Scope>(Scope{saved, {}});
    if (loop_id >= 0) scope_->variables[loop_id] = Value(Kind::kLoop, loop);
    Assign(stmt.targets[0], loop->items[loop->index]);
    if (Run(stmt.blocks[0]) == Flow::kBreak) break;
  }
  scope_ = saved;
  return Flow::kNext;
}

/// Attributes of jinja2.runtime.Macro.
Value Interpreter::MacroAttribute(const Stmt& stmt, std::string_view attribute) const {
  if (attribute == "name") return Value::String(stmt.name);
  if (attribute == "arguments") {
    std::vector<Value> names;
    names.reserve(stmt.parameters.size());
    for (const auto& [name, id] : stmt.parameters) names.push_back(Value::String(name));
    return Value::Tuple(std::move(names));
  }
  if (attribute == "catch_kwargs") return Value::Bool(stmt.uses_kwargs);
  if (attribute == "catch_varargs") return Value::Bool(stmt.uses_varargs);
  if (attribute == "caller") return Value::Bool(stmt.uses_caller);
  return {};
}

void Interpreter::BindMacro(const Stmt& stmt, CallArgs& args, Scope& scope) {
  const std::size_t count = stmt.parameters.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [name, id] = stmt.parameters[i];
    Value value;
    if (const Value* given = args.Get(i, name)) {
      value = *given;
    } else if (i + stmt.defaults.size() >= count) {
      value = Evaluate(*stmt.defaults[i + stmt.defaults.size() - count]);
    }
    scope.variables[id] = std::move(value);
  }
  std::vector<std::pair<Value, Value>> kwargs;
  for (const auto& [name, value] : args.named) {
    const auto parameter = std::ranges::find(stmt.parameters, name, [](const auto& p) { return p.first; });
    if (parameter == stmt.parameters.end()) {
      if (name != "caller" || !stmt.uses_caller) kwargs.emplace_back(Value::String(name), value);
    } else if (static_cast<std::size_t>(parameter - stmt.parameters.begin()) < args.positional.size()) {
      Raise(fmt::format("macro '{}' got multiple values for argument '{}'", stmt.name, name));
    }
  }
  if (stmt.uses_caller) {
    const Value* caller = args.Get(SIZE_MAX, "caller");
    scope.variables[NameId("caller")] = caller == nullptr ? Value() : *caller;
  }
  if (stmt.uses_kwargs) {
    scope.variables[NameId("kwargs")] = MakeDict(std::move(kwargs));
  } else if (!kwargs.empty()) {
    Raise(fmt::format("macro '{}' takes no keyword argument '{}'", stmt.name, kwargs[0].first.text()));
  }
  if (stmt.uses_varargs) {
    std::vector<Value> rest;
    for (std::size_t i = count; i < args.positional.size(); ++i) rest.push_back(args.positional[i]);
    scope.variables[NameId("varargs")] = Value::Tuple(std::move(rest));
  } else if (args.positional.size() > count) {
    Raise(fmt::format("macro '{}' takes not more than {} argument(s)", stmt.name, count));
  }
}

Value Interpreter::MakeMacro(const Stmt& stmt) {
  auto macro = std::make_shared<CallableObject>();
  macro->name = stmt.name;
  macro->is_macro = true;
  macro->attribute = [this, &stmt](std::string_view name) { return MacroAttribute(stmt, name); };
  macro->call = [&stmt, weak = std::weak_ptr<Scope>(scope_)](Interpreter& self, CallArgs& args) {
    const Nest nest(self);
    auto scope = std::make_shared<Scope>(Scope{weak.lock(), {}});
    const std::shared_ptr<Scope> saved = std::exchange(self.scope_, scope);
    std::string text;
    std::string* const outer = std::exchange(self.out_, &text);
    try {
      self.BindMacro(stmt, args, *scope);
      self.Run(stmt.blocks[0]);
    } catch (...) {
      self.out_ = outer;
      self.scope_ = saved;
      throw;
    }
    self.out_ = outer;
    self.scope_ = saved;
    return self.MakeString(std::move(text));
  };
  return Value(Kind::kCallable, std::move(macro));
}

int Interpreter::NameId(std::string_view name) const {
  const auto found = std::ranges::find(program_.names, name);
  return found == program_.names.end() ? -1 : static_cast<int>(found - program_.names.begin());
}

void Interpreter::Assign(const Target& target, const Value& value) {
  if (!target.items.empty()) {
    const std::vector<Value> items = Iterate(value);
    if (items.size() != target.items.size()) {
      Raise(fmt::format("expected {} values to unpack, got {}", target.items.size(), items.size()));
    }
    for (std::size_t i = 0; i < items.size(); ++i) Assign(target.items[i], items[i]);
    return;
  }
  if (target.attribute.empty()) {
    scope_->variables[target.id] = value;
    return;
  }
  for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    const auto found = scope->variables.find(target.id);
    if (found == scope->variables.end()) continue;
    if (!found->second.Is(Kind::kNamespace)) break;
    // What would hold itself could never be freed.
    if (value.Is(Kind::kNamespace)) Raise("a namespace cannot hold a namespace");
    found->second.as<NamespaceObject>().attributes.Set(Value::String(target.attribute), value);
    return;
  }
  Raise("cannot assign attribute on non-namespace object");
}

Value Interpreter::Evaluate(const Expr& expr) {
  Step();
  const Nest nest(*this);
  try {
    return EvaluateNode(expr);
  } catch (TemplateError& error) {
    if (error.line == 0) error.line = expr.line;
    throw;
  }
}

Value Interpreter::Name(const Expr& expr) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const auto found = scope->variables.find(expr.id); found != scope->variables.end()) return found->second;
  }
  const auto builtin = builtins_.find(expr.name);
  return builtin == builtins_.end() ? Value::Undefined(&expr.name) : builtin->second;
}

Value Interpreter::EvaluateNode(const Expr& expr) {
  const auto child = [&](std::size_t i) { return Evaluate(*expr.children[i]); };
  switch (expr.kind) {
    case ExprKind::kConst:
      return expr.constant;
    case ExprKind::kName:
      return Name(expr);
    case ExprKind::kTuple:
    case ExprKind::kList: {
      std::vector<Value> items;
      items.reserve(expr.children.size());
      for (const ExprPtr& item : expr.children) items.push_back(Evaluate(*item));
      return expr.kind == ExprKind::kTuple ? Value::Tuple(std::move(items)) : Value::List(std::move(items));
    }
    case ExprKind::kDict: {
      Value dict = MakeDict({});
      for (std::size_t i = 0; i + 1 < expr.children.size(); i += 2) {
        const Value key = child(i);
        dict.dict().Set(key, child(i + 1));
      }
      return dict;
    }
    case ExprKind::kAttribute:
      return GetAttribute(child(0), expr.name);
    case ExprKind::kItem: {
      const Value base = child(0);
      const Expr& index = *expr.children[1];
      return index.kind == ExprKind::kSlice ? Slice(base, index) : GetItem(base, Evaluate(index));
    }
    case ExprKind::kSlice:
      break;  // only inside an item
    case ExprKind::kCall: {
      const Value callee = child(0);
      CallArgs args = Arguments(expr);
      return Call(callee, args);
    }
    case ExprKind::kFilter:
      return Apply(expr, child(0));
    case ExprKind::kTest: {
      const Value value = child(0);
      if (expr.test == nullptr) Raise(fmt::format("no test named '{}'", expr.name));
      CallArgs args = Arguments(expr);
      return Value::Bool(expr.test(*this, value, args));
    }
    case ExprKind::kNegate:
    case ExprKind::kPlus: {
      const Value value = child(0);
      RequireDefined(value);
      if (!value.IsNumber()) Raise(fmt::format("bad operand type for unary -: '{}'", TypeName(value)));
      const bool negate = expr.kind == ExprKind::kNegate;
      if (value.Is(Kind::kFloat)) return Value::Float(negate ? -value.number() : value.number());
      return Value::Int(negate ? static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(value.integer()))
                               : value.integer());
    }
    case ExprKind::kNot:
      return Value::Bool(!Truth(child(0)));
    case ExprKind::kBinary:
      return Binary(expr);
    case ExprKind::kConcat: {
      std::string text;
      for (const ExprPtr& part : expr.children) {
        const Value value = Evaluate(*part);
        AppendStr(text, value);
        CheckSize(text.size());
      }
      return MakeString(std::move(text));
    }
    case ExprKind::kCompare:
      return Compare(expr);
    case ExprKind::kAnd:
    case ExprKind::kOr: {  // chains are flat: the first operand that decides is the value, else the last
      Value value = child(0);
      for (std::size_t i = 1; i < expr.children.size() && Truth(value) == (expr.kind == ExprKind::kAnd); ++i) {
        value = child(i);
      }
      return value;
    }
    case ExprKind::kConditional:
      if (Truth(child(1))) return child(0);
      return expr.children.size() > 2 && expr.children[2] != nullptr ? child(2) : Value();
  }
  return {};
}

Value Interpreter::Apply(const Expr& filter, const Value& input) {
  CallArgs args = Arguments(filter);
  return CallFilter(*this, filter.name, filter.filter, input, args);
}

Value Interpreter::ApplyChain(const Expr& filter, const Value& input) {
  const ExprPtr& inner = filter.children[0];
  return Apply(filter, inner == nullptr ? input : ApplyChain(*inner, input));
}

CallArgs Interpreter::Arguments(const Expr& expr) {
  CallArgs args;
  for (const ExprPtr& arg : expr.args) args.positional.push_back(Evaluate(*arg));
  for (const auto& [name, arg] : expr.named) args.named.emplace_back(name, Evaluate(*arg));
  if (expr.star != nullptr) {
    for (Value& value : Iterate(Evaluate(*expr.star))) args.positional.push_back(std::move(value));
  }
  if (expr.double_star != nullptr) {
    const Value value = Evaluate(*expr.double_star);
    if (!value.Is(Kind::kDict)) Raise("argument after ** must be a mapping");
    for (const auto& [key, item] : value.dict().items) args.named.emplace_back(Str(key), item);
  }
  return args;
}

Value Interpreter::Call(const Value& callee, CallArgs& args) {
  RequireDefined(callee);
  Step();
  if (callee.Is(Kind::kLoop)) {
    const auto& loop = callee.as<LoopObject>();
    if (!loop.recurse) Raise("the loop must have the 'recursive' marker to be called");
    return loop.recurse(*this, args);
  }
  if (!callee.Is(Kind::kCallable)) Raise(fmt::format("'{}' object is not callable", TypeName(callee)));
  return callee.as<CallableObject>().call(*this, args);
}

Value Interpreter::GetAttribute(const Value& value, const std::string& name) {
  RequireDefined(value);
  if (name.starts_with("__") && name.ends_with("__") && name.size() > 4) return Value::Unsafe();
  if (value.Is(Kind::kNamespace)) {
    const Value* found = value.as<NamespaceObject>().attributes.Find(name);
    return found == nullptr ? Value() : *found;
  }
  if (value.Is(Kind::kLoop)) return LoopAttribute(value.object(), name);
  if (value.Is(Kind::kCallable)) {
    const auto& callable = value.as<CallableObject>();
    return callable.attribute ? callable.attribute(name) : Value();
  }
  if (value.Is(Kind::kSequence) && value.sequence().group && (name == "grouper" || name == "list")) {
    return value.sequence().items[name == "list"];
  }
  Value method = FindMethod(value, name);
  if (!method.IsUndefined() || method.unsafe()) return method;
  if (value.Is(Kind::kDict)) {
    if (const Value* found = value.dict().Find(name)) return *found;
  }
  return {};
}

Value Interpreter::GetItem(const Value& value, const Value& key) {
  RequireDefined(value);
  if (value.Is(Kind::kDict)) {
    if (const Value* found = value.dict().Find(key)) return *found;
    return key.IsString() ? GetAttribute(value, key.text()) : Value();
  }
  if (key.IsIntegral() && (IsSubscriptable(value) || value.IsString())) {
    const std::int64_t length = Length(value);
    const std::int64_t index = key.integer() < 0 ? key.integer() + length : key.integer();
    if (index < 0 || index >= length) return {};
    if (value.Is(Kind::kSequence)) return value.sequence().items[static_cast<std::size_t>(index)];
    Step(value.text().size() / 64);
    const std::u32string points = ToCodePoints(value.text());
    return Value::String(FromCodePoints(std::u32string_view(points).substr(static_cast<std::size_t>(index), 1)));
  }
  return key.IsString() ? GetAttribute(value, key.text()) : Value();
}

Value Interpreter::Slice(const Value& value, const Expr& slice) {
  RequireDefined(value);
  const auto bound = [&](std::size_t i) -> std::optional<std::int64_t> {
    if (slice.children[i] == nullptr) return std::nullopt;
    const Value given = Evaluate(*slice.children[i]);
    return given.Is(Kind::kNone) ? std::nullopt : std::optional(RequireInt(given, "slice"));
  };
  if (!IsSubscriptable(value) && !value.IsString()) {
    Raise(fmt::format("'{}' object is not subscriptable by a slice", TypeName(value)));
  }
  const std::optional<std::int64_t> from = bound(0), to = bound(1), by = bound(2);
  const std::int64_t length = Length(value);
  const std::int64_t step = by.value_or(1);
  if (step == 0) Raise("slice step cannot be zero");
  const auto clamp = [&](std::int64_t i) {
    if (i < 0) i += length;
    return step > 0 ? std::clamp<std::int64_t>(i, 0, length) : std::clamp<std::int64_t>(i, -1, length - 1);
  };
  const std::int64_t begin = from ? clamp(*from) : step > 0 ? 0 : length - 1;
  const std::int64_t end = to ? clamp(*to) : step > 0 ? length : -1;
  std::vector<std::size_t> picked;
  if (step > 0) {
    for (std::int64_t i = begin; i < end; i += std::min(step, length + 1))
      picked.push_back(static_cast<std::size_t>(i));
  } else {
    for (std::int64_t i = begin; i > end; i += std::max(step, -length - 1))
      picked.push_back(static_cast<std::size_t>(i));
  }
  Step(picked.size() / 16);
  if (value.IsString()) {
    const std::u32string points = ToCodePoints(value.text());
    std::u32string out;
    for (const std::size_t i : picked) out.push_back(points[i]);
    return MakeString(FromCodePoints(out), value.markup());
  }
  const SequenceObject& sequence = value.sequence();
  if (sequence.type == SequenceType::kRange) {
    const auto at = [&](std::int64_t i) { return sequence.start + i * sequence.step; };
    return MakeRange(*this, at(begin), at(end), sequence.step * step);
  }
  std::vector<Value> items;
  items.reserve(picked.size());
  for (const std::size_t i : picked) items.push_back(sequence.items[i]);
  return sequence.type == SequenceType::kTuple ? Value::Tuple(std::move(items)) : Value::List(std::move(items));
}

Value Interpreter::Compare(const Expr& expr) {
  Value left = Evaluate(*expr.children[0]);
  for (std::size_t i = 0; i < expr.ops.size(); ++i) {
    Value right = Evaluate(*expr.children[i + 1]);
    bool holds = false;
    switch (expr.ops[i]) {
      case Op::kEq:
        holds = Equal(left, right);
        break;
      case Op::kNe:
        holds = !Equal(left, right);
        break;
      case Op::kLt:
        holds = jinja::Compare(left, right) < 0;
        break;
      case Op::kLe:
        holds = jinja::Compare(left, right) <= 0;
        break;
      case Op::kGt:
        holds = jinja::Compare(left, right) > 0;
        break;
      case Op::kGe:
        holds = jinja::Compare(left, right) >= 0;
        break;
      case Op::kIn:
        holds = Contains(right, left);
        break;
      case Op::kNotIn:
        holds = !Contains(right, left);
        break;
      default:
        break;
    }
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Value Interpreter::Binary(const Expr& expr) {
  const Value a = Evaluate(*expr.children[0]), b = Evaluate(*expr.children[1]);
  return BinaryOperator(*this, expr.op, a, b);
}

}  // namespace strata::jinja
