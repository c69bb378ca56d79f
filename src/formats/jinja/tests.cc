// What may stand after `is`.
#include <algorithm>
#include <map>

#include "formats/jinja/interpreter.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

const Value& Other(const CallArgs& args) {
  if (args.positional.empty()) Raise("the test needs an argument");
  return args.positional[0];
}

bool IsInstanceOf(SequenceType type, std::initializer_list<SequenceType> types) {
  return std::ranges::find(types, type) != types.end();
}

/// value % by == rest
bool Rest(Interpreter& it, const Value& value, const Value& by, std::int64_t rest) {
  return Equal(BinaryOperator(it, Op::kMod, value, by), Value::Int(rest));
}

bool IsInstance(const Value& value, std::initializer_list<Kind> kinds) {
  for (const Kind kind : kinds) {
    if (value.Is(kind)) return true;
  }
  return false;
}

const std::map<std::string, TestFunction, std::less<>>& Tests() {
  static const std::map<std::string, TestFunction, std::less<>> tests = [] {
    std::map<std::string, TestFunction, std::less<>> t = {
        {"defined", [](Interpreter&, const Value& v, CallArgs&) { return !v.IsUndefined(); }},
        {"undefined", [](Interpreter&, const Value& v, CallArgs&) { return v.IsUndefined(); }},
        {"none", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kNone); }},
        {"boolean", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kBool); }},
        {"true", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kBool) && v.integer() != 0; }},
        {"false", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kBool) && v.integer() == 0; }},
        {"integer", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kInt); }},
        {"float", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kFloat); }},
        {"number", [](Interpreter&, const Value& v, CallArgs&) { return v.IsNumber(); }},
        {"string", [](Interpreter&, const Value& v, CallArgs&) { return v.IsString(); }},
        {"mapping", [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kDict); }},
        {"sequence",
         [](Interpreter&, const Value& v, CallArgs&) {
           return IsInstance(v, {Kind::kString, Kind::kDict, Kind::kUndefined}) ||
                  (v.Is(Kind::kSequence) &&
                   IsInstanceOf(v.sequence().type, {SequenceType::kList, SequenceType::kTuple, SequenceType::kRange}));
         }},
        {"iterable",
         [](Interpreter&, const Value& v, CallArgs&) {
           return IsInstance(v, {Kind::kString, Kind::kDict, Kind::kSequence, Kind::kUndefined});
         }},
        {"callable",
         [](Interpreter&, const Value& v, CallArgs&) { return v.Is(Kind::kCallable) || v.Is(Kind::kLoop); }},
        {"odd", [](Interpreter& it, const Value& v, CallArgs&) { return Rest(it, v, Value::Int(2), 1); }},
        {"even", [](Interpreter& it, const Value& v, CallArgs&) { return Rest(it, v, Value::Int(2), 0); }},
        {"divisibleby", [](Interpreter& it, const Value& v, CallArgs& a) { return Rest(it, v, Other(a), 0); }},
        {"lower", [](Interpreter&, const Value& v, CallArgs&) { return IsLower(Str(v)); }},
        {"upper", [](Interpreter&, const Value& v, CallArgs&) { return IsUpper(Str(v)); }},
        {"escaped", [](Interpreter&, const Value& v, CallArgs&) { return v.markup(); }},
        {"in", [](Interpreter&, const Value& v, CallArgs& a) { return Contains(Other(a), v); }},
        {"sameas",
         [](Interpreter&, const Value& v, CallArgs& a) {
           const Value& other = Other(a);
           if (v.kind() != other.kind()) return false;
           return v.object() != nullptr ? v.object() == other.object() : Equal(v, other);
         }},
        {"eq", [](Interpreter&, const Value& v, CallArgs& a) { return Equal(v, Other(a)); }},
        {"ne", [](Interpreter&, const Value& v, CallArgs& a) { return !Equal(v, Other(a)); }},
        {"lt", [](Interpreter&, const Value& v, CallArgs& a) { return Compare(v, Other(a)) < 0; }},
        {"le", [](Interpreter&, const Value& v, CallArgs& a) { return Compare(v, Other(a)) <= 0; }},
        {"gt", [](Interpreter&, const Value& v, CallArgs& a) { return Compare(v, Other(a)) > 0; }},
        {"ge", [](Interpreter&, const Value& v, CallArgs& a) { return Compare(v, Other(a)) >= 0; }},
        {"filter",
         [](Interpreter&, const Value& v, CallArgs&) { return v.IsString() && FindFilter(v.text()) != nullptr; }},
        {"test", [](Interpreter&, const Value& v, CallArgs&) { return v.IsString() && FindTest(v.text()) != nullptr; }},
    };
    for (const auto& [alias, name] : {std::pair{"equalto", "eq"},
                                      {"==", "eq"},
                                      {"!=", "ne"},
                                      {"<", "lt"},
                                      {"lessthan", "lt"},
                                      {"<=", "le"},
                                      {">", "gt"},
                                      {"greaterthan", "gt"},
                                      {">=", "ge"}}) {
      t[alias] = t.at(name);
    }
    return t;
  }();
  return tests;
}

}  // namespace

TestFunction FindTest(std::string_view name) {
  const auto found = Tests().find(name);
  return found == Tests().end() ? nullptr : found->second;
}

}  // namespace strata::jinja
