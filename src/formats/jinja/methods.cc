// Methods of dict, list, tuple and numbers; those that change their object are withheld, as the sandbox has it.
#include "formats/jinja/methods.h"

#include <algorithm>
#include <cmath>

#include "formats/jinja/args.h"

namespace strata::jinja {
namespace {

Value Items(Interpreter&, const Value& self, CallArgs&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().items) items.push_back(Value::Tuple({key, value}));
  return MakeSequence(SequenceType::kItems, std::move(items));
}

Value Keys(Interpreter&, const Value& self, CallArgs&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().items) items.push_back(key);
  return MakeSequence(SequenceType::kKeys, std::move(items));
}

Value Values(Interpreter&, const Value& self, CallArgs&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().items) items.push_back(value);
  return MakeSequence(SequenceType::kValues, std::move(items));
}

Value Get(Interpreter&, const Value& self, CallArgs& args) {
  if (const Value* found = self.dict().Find(Needed(args, 0, "key"))) return *found;
  const Value* fallback = args.Get(1, "default");
  return fallback == nullptr ? Value::None() : *fallback;
}

Value CopyDict(Interpreter& it, const Value& self, CallArgs&) {
  it.Step(self.dict().items.size());
  return MakeDict(self.dict().items);
}

Value FromKeys(Interpreter&, const Value&, CallArgs& args) {
  const Value* value = args.Get(1, "value");
  DictObject dict;
  for (const Value& key : Iterate(Needed(args, 0, "iterable")))
    dict.Set(key, value == nullptr ? Value::None() : *value);
  return MakeDict(std::move(dict.items));
}

Value IndexOf(Interpreter&, const Value& self, CallArgs& args) {
  const auto& items = self.sequence().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (Equal(items[i], Needed(args, 0, "value"))) return Value::Int(static_cast<std::int64_t>(i));
  }
  Raise("value is not in list");
}

Value CountOf(Interpreter&, const Value& self, CallArgs& args) {
  const Value& wanted = Needed(args, 0, "value");
  return Value::Int(
      std::ranges::count_if(self.sequence().items, [&](const Value& item) { return Equal(item, wanted); }));
}

Value CopyList(Interpreter& it, const Value& self, CallArgs&) {
  it.Step(self.sequence().items.size());
  return Value::List(self.sequence().items);
}

Value IsInteger(Interpreter&, const Value& self, CallArgs&) {
  return Value::Bool(self.IsIntegral() || self.number() == std::floor(self.number()));
}

const MethodTable& DictMethods() {
  static const MethodTable methods = {{"items", {Items, ""}},   {"keys", {Keys, ""}},
                                      {"values", {Values, ""}}, {"get", {Get, "key default"}},
                                      {"copy", {CopyDict, ""}}, {"fromkeys", {FromKeys, "iterable value"}}};
  return methods;
}

const MethodTable& ListMethods() {
  static const MethodTable methods = {
      {"index", {IndexOf, "value"}}, {"count", {CountOf, "value"}}, {"copy", {CopyList, ""}}};
  return methods;
}

const MethodTable& TupleMethods() {
  static const MethodTable methods = {{"index", {IndexOf, "value"}}, {"count", {CountOf, "value"}}};
  return methods;
}

const MethodTable& FloatMethods() {
  static const MethodTable methods = {{"is_integer", {IsInteger, ""}}};
  return methods;
}

const MethodTable* MethodsOf(const Value& value) {
  if (value.IsString()) return &TextMethods();
  if (value.Is(Kind::kDict)) return &DictMethods();
  if (value.Is(Kind::kFloat)) return &FloatMethods();
  if (!value.Is(Kind::kSequence)) return nullptr;
  switch (value.sequence().type) {
    case SequenceType::kList:
      return &ListMethods();
    case SequenceType::kTuple:
    case SequenceType::kRange:
      return &TupleMethods();
    default:
      return nullptr;
  }
}

bool Mutates(const Value& value, std::string_view name) {
  static constexpr std::string_view kOfList[] = {"append", "clear",  "extend",  "insert",
                                                 "pop",    "remove", "reverse", "sort"};
  static constexpr std::string_view kOfDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (value.Is(Kind::kDict)) return std::ranges::find(kOfDict, name) != std::end(kOfDict);
  return value.Is(Kind::kSequence) && value.sequence().type == SequenceType::kList &&
         std::ranges::find(kOfList, name) != std::end(kOfList);
}

}  // namespace

Value FindMethod(const Value& value, const std::string& name) {
  const MethodTable* methods = MethodsOf(value);
  if (methods == nullptr) return {};
  const auto found = methods->find(name);
  if (found == methods->end()) return Mutates(value, name) ? Value::Unsafe() : Value();
  return MakeCallable(name, [value, name, method = found->second](Interpreter& interpreter, CallArgs& args) {
    CheckArguments(name, method.parameters, args);
    return method.function(interpreter, value, args);
  });
}

}  // namespace strata::jinja
