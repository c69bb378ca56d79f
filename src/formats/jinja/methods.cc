// Methods of str, dict and list that templates call.
#include <algorithm>
#include <map>

#include "formats/jinja/interpreter.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

using Method = Value (*)(Interpreter&, const Value& self, CallArgs&);

const std::string* TextArgument(const CallArgs& args, std::size_t index, std::string_view name) {
  const Value* value = args.Get(index, name);
  if (value == nullptr || value->Is(Kind::kNone)) return nullptr;
  if (!value->IsString()) Raise(fmt::format("expected a string for '{}', got {}", name, TypeName(*value)));
  return &value->text();
}

const std::string& NeedText(const CallArgs& args, std::size_t index, std::string_view name) {
  const std::string* text = TextArgument(args, index, name);
  if (text == nullptr) Raise(fmt::format("missing argument '{}'", name));
  return *text;
}

std::int64_t Limit(const CallArgs& args, std::size_t index, std::string_view name) {
  const Value* value = args.Get(index, name);
  return value == nullptr ? -1 : RequireInt(*value, name);
}

Value Strings(std::vector<std::string> parts) {
  std::vector<Value> items;
  for (std::string& part : parts) items.push_back(Value::String(std::move(part)));
  return Value::List(std::move(items));
}

bool AnyAffix(const Value& self, const CallArgs& args, bool prefix) {
  if (args.positional.empty()) Raise("missing argument");
  const auto has = [&](const Value& affix) {
    if (!affix.IsString()) Raise("expected a string");
    return prefix ? self.text().starts_with(affix.text()) : self.text().ends_with(affix.text());
  };
  const Value& given = args.positional[0];
  return given.Is(Kind::kSequence) ? std::ranges::any_of(given.sequence().items, has) : has(given);
}

std::int64_t FindIn(const Value& self, const CallArgs& args, bool last) {
  const std::string& needle = NeedText(args, 0, "sub");
  const std::size_t at = last ? self.text().rfind(needle) : self.text().find(needle);
  if (at == std::string::npos) return -1;
  return static_cast<std::int64_t>(ToCodePoints(std::string_view(self.text()).substr(0, at)).size());
}

template <class Predicate>
Value All(const Value& self, Predicate predicate) {
  const std::u32string points = ToCodePoints(self.text());
  return Value::Bool(!points.empty() && std::ranges::all_of(points, predicate));
}

/// str.format for {}, {0} and {name}, without format specifications.
Value Format(Interpreter& interpreter, const Value& self, CallArgs& args) {
  std::string out;
  const std::string& text = self.text();
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '{' || text[i] == '}') && i + 1 < text.size() && text[i + 1] == text[i]) {
      out += text[i++];
    } else if (text[i] == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string::npos) Raise("expected '}' before end of string");
      const std::string field = text.substr(i + 1, end - i - 1);
      const Value* value = nullptr;
      if (field.empty() || std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; })) {
        const std::size_t index = field.empty()      ? next++
                                  : field.size() > 6 ? args.positional.size()
                                                     : std::stoul(field);
        if (index < args.positional.size()) value = &args.positional[index];
      } else {
        for (const auto& [name, given] : args.named) {
          if (name == field) value = &given;
        }
      }
      if (value == nullptr) Raise(fmt::format("no value for the field '{{{}}}'", field));
      AppendStr(out, *value);
      interpreter.CheckSize(out.size());
      i = end;
    } else {
      out += text[i];
    }
  }
  return interpreter.MakeString(std::move(out));
}

const std::map<std::string, Method, std::less<>>& TextMethods() {
  static const std::map<std::string, Method, std::less<>> methods = {
      {"strip", [](Interpreter& it, const Value& s,
                   CallArgs& a) { return it.MakeString(std::string(Strip(s.text(), TextArgument(a, 0, "chars")))); }},
      {"lstrip",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         return it.MakeString(std::string(StripLeft(s.text(), TextArgument(a, 0, "chars"))));
       }},
      {"rstrip",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         return it.MakeString(std::string(StripRight(s.text(), TextArgument(a, 0, "chars"))));
       }},
      {"split",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         it.Step(s.text().size());
         return Strings(Split(s.text(), TextArgument(a, 0, "sep"), Limit(a, 1, "maxsplit")));
       }},
      {"rsplit",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         it.Step(s.text().size());
         return Strings(SplitRight(s.text(), TextArgument(a, 0, "sep"), Limit(a, 1, "maxsplit")));
       }},
      {"splitlines",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         it.Step(s.text().size());
         const Value* keep = a.Get(0, "keepends");
         return Strings(SplitLines(s.text(), keep != nullptr && Truth(*keep)));
       }},
      {"replace",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         const std::string &from = NeedText(a, 0, "old"), &to = NeedText(a, 1, "new");
         it.CheckSize(from.empty() ? s.text().size() * (to.size() + 1)
                                   : s.text().size() / from.size() * to.size() + s.text().size());
         return it.MakeString(Replace(s.text(), from, to, Limit(a, 2, "count")));
       }},
      {"upper", [](Interpreter& it, const Value& s, CallArgs&) { return it.MakeString(Upper(s.text())); }},
      {"lower", [](Interpreter& it, const Value& s, CallArgs&) { return it.MakeString(Lower(s.text())); }},
      {"capitalize", [](Interpreter& it, const Value& s, CallArgs&) { return it.MakeString(Capitalize(s.text())); }},
      {"title", [](Interpreter& it, const Value& s, CallArgs&) { return it.MakeString(Title(s.text())); }},
      {"startswith", [](Interpreter&, const Value& s, CallArgs& a) { return Value::Bool(AnyAffix(s, a, true)); }},
      {"endswith", [](Interpreter&, const Value& s, CallArgs& a) { return Value::Bool(AnyAffix(s, a, false)); }},
      {"find", [](Interpreter&, const Value& s, CallArgs& a) { return Value::Int(FindIn(s, a, false)); }},
      {"rfind", [](Interpreter&, const Value& s, CallArgs& a) { return Value::Int(FindIn(s, a, true)); }},
      {"index",
       [](Interpreter&, const Value& s, CallArgs& a) {
         const std::int64_t at = FindIn(s, a, false);
         if (at < 0) Raise("substring not found");
         return Value::Int(at);
       }},
      {"count",
       [](Interpreter&, const Value& s, CallArgs& a) {
         const std::string& needle = NeedText(a, 0, "sub");
         if (needle.empty()) return Value::Int(Length(s) + 1);
         std::int64_t count = 0;
         for (std::size_t at = s.text().find(needle); at != std::string::npos;
              at = s.text().find(needle, at + needle.size()))
           ++count;
         return Value::Int(count);
       }},
      {"join",
       [](Interpreter& it, const Value& s, CallArgs& a) {
         if (a.positional.empty()) Raise("missing argument");
         std::string out;
         bool first = true;
         for (const Value& item : Iterate(a.positional[0])) {
           if (!item.IsString()) Raise(fmt::format("sequence item: expected str instance, {} found", TypeName(item)));
           if (!std::exchange(first, false)) out += s.text();
           out += item.text();
           it.CheckSize(out.size());
         }
         return it.MakeString(std::move(out));
       }},
      {"format", Format},
      {"isdigit",
       [](Interpreter&, const Value& s, CallArgs&) { return All(s, [](char32_t c) { return c >= '0' && c <= '9'; }); }},
      {"isspace", [](Interpreter&, const Value& s, CallArgs&) { return All(s, IsPythonSpace); }},
      {"isupper", [](Interpreter&, const Value& s,
                     CallArgs&) { return Value::Bool(Upper(s.text()) == s.text() && Lower(s.text()) != s.text()); }},
      {"islower", [](Interpreter&, const Value& s,
                     CallArgs&) { return Value::Bool(Lower(s.text()) == s.text() && Upper(s.text()) != s.text()); }},
  };
  return methods;
}

const std::map<std::string, Method, std::less<>>& DictMethods() {
  static const std::map<std::string, Method, std::less<>> methods = {
      {"items",
       [](Interpreter&, const Value& d, CallArgs&) {
         std::vector<Value> items;
         for (const auto& [key, value] : d.dict().items) items.push_back(Value::Tuple({key, value}));
         return MakeSequence(SequenceType::kItems, std::move(items));
       }},
      {"keys",
       [](Interpreter&, const Value& d, CallArgs&) {
         std::vector<Value> items;
         for (const auto& [key, value] : d.dict().items) items.push_back(key);
         return MakeSequence(SequenceType::kKeys, std::move(items));
       }},
      {"values",
       [](Interpreter&, const Value& d, CallArgs&) {
         std::vector<Value> items;
         for (const auto& [key, value] : d.dict().items) items.push_back(value);
         return MakeSequence(SequenceType::kValues, std::move(items));
       }},
      {"get",
       [](Interpreter&, const Value& d, CallArgs& a) {
         if (a.positional.empty()) Raise("get expected at least 1 argument");
         if (const Value* found = d.dict().Find(a.positional[0])) return *found;
         const Value* fallback = a.Get(1, "default");
         return fallback == nullptr ? Value::None() : *fallback;
       }},
      {"copy",
       [](Interpreter& it, const Value& d, CallArgs&) {
         it.Step(d.dict().items.size());
         return MakeDict(d.dict().items);
       }},
  };
  return methods;
}

const std::map<std::string, Method, std::less<>>& ListMethods() {
  // The sandbox is immutable: append, pop and the like do not exist.
  static const std::map<std::string, Method, std::less<>> methods = {
      {"index",
       [](Interpreter&, const Value& l, CallArgs& a) {
         if (a.positional.empty()) Raise("missing argument");
         const auto& items = l.sequence().items;
         for (std::size_t i = 0; i < items.size(); ++i) {
           if (Equal(items[i], a.positional[0])) return Value::Int(static_cast<std::int64_t>(i));
         }
         Raise("value is not in list");
       }},
      {"count",
       [](Interpreter&, const Value& l, CallArgs& a) {
         if (a.positional.empty()) Raise("missing argument");
         return Value::Int(
             std::ranges::count_if(l.sequence().items, [&](const Value& v) { return Equal(v, a.positional[0]); }));
       }},
      {"copy",
       [](Interpreter& it, const Value& l, CallArgs&) {
         it.Step(l.sequence().items.size());
         return Value::List(l.sequence().items);
       }},
  };
  return methods;
}

}  // namespace

Value FindMethod(const Value& value, const std::string& name) {
  const auto* methods = value.IsString()            ? &TextMethods()
                        : value.Is(Kind::kDict)     ? &DictMethods()
                        : value.Is(Kind::kSequence) ? &ListMethods()
                                                    : nullptr;
  if (methods == nullptr) return {};
  const auto found = methods->find(name);
  if (found == methods->end()) {
    static constexpr std::string_view kMutating[] = {"append", "extend",  "insert", "pop",        "remove", "clear",
                                                     "sort",   "reverse", "update", "setdefault", "popitem"};
    return !value.IsString() && std::ranges::find(kMutating, name) != std::end(kMutating) ? Value::Unsafe() : Value();
  }
  return MakeCallable(name, [value, method = found->second](Interpreter& interpreter, CallArgs& args) {
    return method(interpreter, value, args);
  });
}

}  // namespace strata::jinja
