// What may stand after `|`. Semantics: jinja2.filters.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "formats/jinja/interpreter.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

bool Flag(const CallArgs& args, std::size_t index, std::string_view name, bool fallback = false) {
  const Value* value = args.Get(index, name);
  return value == nullptr ? fallback : Truth(*value);
}

std::int64_t Integer(const CallArgs& args, std::size_t index, std::string_view name, std::int64_t fallback) {
  const Value* value = args.Get(index, name);
  return value == nullptr || value->Is(Kind::kNone) ? fallback : RequireInt(*value, name);
}

std::string Text(const CallArgs& args, std::size_t index, std::string_view name, std::string fallback) {
  const Value* value = args.Get(index, name);
  return value == nullptr || value->Is(Kind::kNone) ? std::move(fallback) : Str(*value);
}

/// "a.b.0" along attributes and items.
Value Along(Interpreter& it, Value value, const Value& path) {
  if (path.IsIntegral()) return it.GetItem(value, path);
  const std::string text = Str(path);
  const std::string dot = ".";
  for (const std::string& part : Split(text, &dot, -1)) {
    const bool index =
        !part.empty() && part.size() < 10 && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    value = it.GetItem(value, index ? Value::Int(std::stoll(part)) : Value::String(part));
  }
  return value;
}

Value Folded(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.IsString() ? Value::String(Lower(value.text())) : value;
}

/// The key that sort, unique, min, max and groupby compare by.
Value KeyOf(Interpreter& it, const Value& item, const Value* attribute, bool case_sensitive) {
  return Folded(attribute == nullptr || attribute->Is(Kind::kNone) ? item : Along(it, item, *attribute),
                case_sensitive);
}

Value Sort(Interpreter& it, const Value& value, CallArgs& args) {
  std::vector<Value> items = Iterate(value);
  const Value* attribute = args.Get(2, "attribute");
  const bool sensitive = Flag(args, 1, "case_sensitive"), reverse = Flag(args, 0, "reverse");
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : items) {
    Value key = KeyOf(it, item, attribute, sensitive);
    keyed.emplace_back(std::move(key), std::move(item));
  }
  it.Step(keyed.size() * 8);
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    const int order = Compare(a.first, b.first);
    return reverse ? order > 0 : order < 0;
  });
  std::vector<Value> sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return Value::List(std::move(sorted));
}

Value Extreme(Interpreter& it, const Value& value, CallArgs& args, int wanted) {
  const std::vector<Value> items = Iterate(value);
  const Value* attribute = args.Get(1, "attribute");
  const bool sensitive = Flag(args, 0, "case_sensitive");
  const Value* best = nullptr;
  Value best_key;
  for (const Value& item : items) {
    Value key = KeyOf(it, item, attribute, sensitive);
    if (best == nullptr || Compare(key, best_key) * wanted > 0) {
      best = &item;
      best_key = std::move(key);
    }
  }
  return best == nullptr ? Value() : *best;
}

Value Unique(Interpreter& it, const Value& value, CallArgs& args) {
  std::vector<Value> kept, keys;
  for (const Value& item : Iterate(value)) {
    const Value key = KeyOf(it, item, args.Get(1, "attribute"), Flag(args, 0, "case_sensitive"));
    it.Step(keys.size());
    if (std::ranges::any_of(keys, [&](const Value& seen) { return Equal(seen, key); })) continue;
    keys.push_back(key);
    kept.push_back(item);
  }
  return Value::Generator(std::move(kept));
}

Value GroupBy(Interpreter& it, const Value& value, CallArgs& args) {
  const Value* attribute = args.Get(0, "attribute");
  if (attribute == nullptr) Raise("groupby needs an attribute");
  CallArgs sorting;
  sorting.named.emplace_back("attribute", *attribute);
  std::vector<Value> groups;
  Value current;
  std::vector<Value> members;
  const auto close = [&] {
    if (!members.empty()) groups.push_back(Value::Tuple({current, Value::List(std::exchange(members, {}))}));
  };
  for (const Value& item : Sort(it, value, sorting).sequence().items) {
    const Value key = Along(it, item, *attribute);
    if (members.empty() || !Equal(Folded(key, false), Folded(current, false))) {
      close();
      current = key;
    }
    members.push_back(item);
  }
  close();
  return Value::List(std::move(groups));
}

Value Select(Interpreter& it, const Value& value, CallArgs& args, bool by_attribute, bool wanted) {
  std::size_t at = 0;
  Value attribute;
  if (by_attribute) {
    if (args.positional.empty()) Raise("missing parameter for attribute name");
    attribute = args.positional[at++];
  }
  TestFunction test = nullptr;
  if (at < args.positional.size()) {
    const std::string name = Str(args.positional[at++]);
    test = FindTest(name);
    if (test == nullptr) Raise(fmt::format("no test named '{}'", name));
  }
  CallArgs rest;
  rest.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(at), args.positional.end());
  rest.named = args.named;
  std::vector<Value> kept;
  if (!Truth(value)) return Value::Generator({});  // jinja2 looks into what is true only, so none is fine
  for (const Value& item : Iterate(value)) {
    it.Step();
    const Value subject = by_attribute ? Along(it, item, attribute) : item;
    if ((test != nullptr ? test(it, subject, rest) : Truth(subject)) == wanted) kept.push_back(item);
  }
  return Value::Generator(std::move(kept));
}

Value Map(Interpreter& it, const Value& value, CallArgs& args) {
  std::vector<Value> mapped;
  if (!Truth(value)) return Value::Generator({});
  if (args.positional.empty()) {
    const Value* attribute = args.Get(99, "attribute");
    if (attribute == nullptr) Raise("map requires a filter argument");
    const Value* fallback = args.Get(99, "default");
    for (const Value& item : Iterate(value)) {
      Value found = Along(it, item, *attribute);
      mapped.push_back(found.IsUndefined() && fallback != nullptr ? *fallback : found);
    }
    return Value::Generator(std::move(mapped));
  }
  const std::string name = Str(args.positional[0]);
  const FilterFunction filter = FindFilter(name);
  if (filter == nullptr) Raise(fmt::format("no filter named '{}'", name));
  for (const Value& item : Iterate(value)) {
    CallArgs rest;
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.named = args.named;
    it.Step();
    mapped.push_back(filter(it, item, rest));
  }
  return Value::Generator(std::move(mapped));
}

Value Join(Interpreter& it, const Value& value, CallArgs& args) {
  const std::string separator = Text(args, 0, "d", "");
  const Value* attribute = args.Get(1, "attribute");
  std::string out;
  bool first = true;
  for (const Value& item : Iterate(value)) {
    if (!std::exchange(first, false)) out += separator;
    AppendStr(out, attribute == nullptr ? item : Along(it, item, *attribute));
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
}

Value Indent(Interpreter& it, const Value& value, CallArgs& args) {
  const Value* width = args.Get(0, "width");
  const std::string pad =
      width != nullptr && width->IsString()
          ? width->text()
          : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(Integer(args, 0, "width", 4), 0, 1000)), ' ');
  const bool first = Flag(args, 1, "first"), blank = Flag(args, 2, "blank");
  std::string out;
  bool start = true;
  for (const std::string& line : SplitLines(Str(value) + "\n", false)) {
    if (!start) out += '\n';
    if ((start ? first : !line.empty() || blank)) out += pad;
    out += line;
    start = false;
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
}

Value ToJsonFilter(Interpreter& it, const Value& value, CallArgs& args) {
  // transformers: tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)
  const Value* indent = args.Get(1, "indent");
  if (indent == nullptr && args.positional.size() == 1) indent = &args.positional[0];
  const auto width = indent == nullptr || indent->Is(Kind::kNone) ? -1 : RequireInt(*indent, "indent");
  return it.MakeString(
      ToJson(value, static_cast<int>(std::clamp<std::int64_t>(width, -1, 64)), Flag(args, 3, "sort_keys")));
}

Value DictSort(Interpreter&, const Value& value, CallArgs& args) {
  if (!value.Is(Kind::kDict)) Raise("dictsort needs a mapping");
  const bool sensitive = Flag(args, 0, "case_sensitive"), by_value = Text(args, 1, "by", "key") == "value";
  const bool reverse = Flag(args, 2, "reverse");
  auto items = value.dict().items;
  std::ranges::stable_sort(items, [&](const auto& a, const auto& b) {
    const int order =
        Compare(Folded(by_value ? a.second : a.first, sensitive), Folded(by_value ? b.second : b.first, sensitive));
    return reverse ? order > 0 : order < 0;
  });
  std::vector<Value> pairs;
  for (auto& [key, item] : items) pairs.push_back(Value::Tuple({key, item}));
  return Value::List(std::move(pairs));
}

Value Round(Interpreter&, const Value& value, CallArgs& args) {
  RequireDefined(value);
  if (!value.IsNumber()) Raise("round needs a number");
  const double scale = std::pow(10, static_cast<double>(Integer(args, 0, "precision", 0)));
  const std::string method = Text(args, 1, "method", "common");
  const double scaled = value.number() * scale;
  return Value::Float((method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::nearbyint(scaled)) /
                      scale);
}

Value ToInt(Interpreter&, const Value& value, CallArgs& args) {
  const Value* given = args.Get(0, "default");
  const Value fallback = given == nullptr ? Value::Int(0) : *given;
  if (value.IsIntegral()) return Value::Int(value.integer());
  if (value.Is(Kind::kFloat)) {
    return std::fabs(value.number()) < 9e18 ? Value::Int(static_cast<std::int64_t>(value.number())) : fallback;
  }
  if (!value.IsString()) return fallback;
  const std::string text(Strip(value.text()));
  std::int64_t number = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto whole = std::from_chars(begin, text.data() + text.size(), number);
  if (whole.ec == std::errc() && whole.ptr == text.data() + text.size()) return Value::Int(number);
  double real = 0;
  const auto parsed = std::from_chars(begin, text.data() + text.size(), real);
  const bool fine = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && std::fabs(real) < 9e18;
  return fine ? Value::Int(static_cast<std::int64_t>(real)) : fallback;
}

Value ToFloat(Interpreter&, const Value& value, CallArgs& args) {
  const Value* given = args.Get(0, "default");
  if (value.IsNumber()) return Value::Float(value.number());
  if (value.IsString()) {
    const std::string text(Strip(value.text()));
    double real = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), real);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return Value::Float(real);
  }
  return given == nullptr ? Value::Float(0) : *given;
}

Value Batch(Interpreter&, const Value& value, CallArgs& args) {
  const std::int64_t size = Integer(args, 0, "linecount", 0);
  if (size < 1) Raise("batch needs a positive number");
  const Value* fill = args.Get(1, "fill_with");
  std::vector<Value> batches, row;
  for (const Value& item : Iterate(value)) {
    if (static_cast<std::int64_t>(row.size()) == size) batches.push_back(Value::List(std::exchange(row, {})));
    row.push_back(item);
  }
  while (!row.empty() && fill != nullptr &&
         static_cast<std::int64_t>(row.size()) < std::min<std::int64_t>(size, 10'000))
    row.push_back(*fill);
  if (!row.empty()) batches.push_back(Value::List(std::move(row)));
  return Value::Generator(std::move(batches));
}

Value Truncate(Interpreter& it, const Value& value, CallArgs& args) {
  const std::u32string points = ToCodePoints(Str(value));
  const auto length = static_cast<std::size_t>(std::max<std::int64_t>(Integer(args, 0, "length", 255), 0));
  const std::string end = Text(args, 2, "end", "...");
  const auto leeway = static_cast<std::size_t>(std::max<std::int64_t>(Integer(args, 3, "leeway", 5), 0));
  if (points.size() <= length + leeway) return it.MakeString(FromCodePoints(points));
  const std::size_t end_length = ToCodePoints(end).size();
  std::u32string kept = points.substr(0, length > end_length ? length - end_length : 0);
  if (!Flag(args, 1, "killwords")) kept = kept.substr(0, std::min(kept.rfind(U' '), kept.size()));
  return it.MakeString(FromCodePoints(kept) + end);
}

Value Sum(Interpreter& it, const Value& value, CallArgs& args) {
  const Value* attribute = args.Get(0, "attribute");
  const Value* start = args.Get(1, "start");
  Value total = start == nullptr ? Value::Int(0) : *start;
  for (const Value& raw : Iterate(value)) {
    const Value item = attribute == nullptr ? raw : Along(it, raw, *attribute);
    if (!item.IsNumber() || !total.IsNumber()) Raise(fmt::format("cannot add '{}'", TypeName(item)));
    std::int64_t sum = 0;
    if (item.IsIntegral() && total.IsIntegral() && !__builtin_add_overflow(total.integer(), item.integer(), &sum)) {
      total = Value::Int(sum);
    } else {
      total = Value::Float(total.number() + item.number());
    }
  }
  return total;
}

Value UrlEncode(Interpreter& it, const Value& value, CallArgs&) {
  std::string out;
  for (const char c : Str(value)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return it.MakeString(std::move(out));
}

Value Reverse(Interpreter& it, const Value& value, CallArgs&) {
  if (value.IsString()) {
    std::u32string points = ToCodePoints(value.text());
    std::ranges::reverse(points);
    return it.MakeString(FromCodePoints(points));
  }
  std::vector<Value> items = Iterate(value);
  std::ranges::reverse(items);
  return Value::Generator(std::move(items));
}

const std::map<std::string, FilterFunction, std::less<>>& Filters() {
  static const std::map<std::string, FilterFunction, std::less<>> filters = [] {
    std::map<std::string, FilterFunction, std::less<>> f = {
        {"abs",
         [](Interpreter&, const Value& v, CallArgs&) {
           if (!v.IsNumber()) Raise("abs needs a number");
           if (v.Is(Kind::kFloat)) return Value::Float(std::fabs(v.number()));
           if (v.integer() == std::numeric_limits<std::int64_t>::min()) Raise("integer out of range");
           return Value::Int(v.integer() < 0 ? -v.integer() : v.integer());
         }},
        {"attr",
         [](Interpreter& it, const Value& v, CallArgs& a) { return it.GetAttribute(v, Text(a, 0, "name", "")); }},
        {"batch", Batch},
        {"capitalize", [](Interpreter& it, const Value& v, CallArgs&) { return it.MakeString(Capitalize(Str(v))); }},
        {"default",
         [](Interpreter&, const Value& v, CallArgs& a) {
           const Value* fallback = a.Get(0, "default_value");
           const bool use = v.IsUndefined() || (Flag(a, 1, "boolean") && !Truth(v));
           return !use ? v : fallback == nullptr ? Value::String("") : *fallback;
         }},
        {"dictsort", DictSort},
        {"escape",
         [](Interpreter& it, const Value& v, CallArgs&) { return v.markup() ? v : it.MakeString(EscapeHtml(Str(v))); }},
        {"first",
         [](Interpreter&, const Value& v, CallArgs&) {
           const auto items = Iterate(v);
           return items.empty() ? Value() : items.front();
         }},
        {"float", ToFloat},
        {"format", [](Interpreter& it, const Value& v,
                      CallArgs& a) { return it.MakeString(PercentFormat(Str(v), a.positional)); }},
        {"groupby", GroupBy},
        {"indent", Indent},
        {"int", ToInt},
        {"items",
         [](Interpreter&, const Value& v, CallArgs&) {
           if (v.IsUndefined()) return Value::Generator({});
           if (!v.Is(Kind::kDict)) Raise("Can only get item pairs from a mapping.");
           std::vector<Value> items;
           for (const auto& [key, value] : v.dict().items) items.push_back(Value::Tuple({key, value}));
           return Value::Generator(std::move(items));
         }},
        {"join", Join},
        {"last",
         [](Interpreter&, const Value& v, CallArgs&) {
           const auto items = Iterate(v);
           return items.empty() ? Value() : items.back();
         }},
        {"length", [](Interpreter&, const Value& v, CallArgs&) { return Value::Int(v.IsUndefined() ? 0 : Length(v)); }},
        {"list",
         [](Interpreter& it, const Value& v, CallArgs&) {
           auto items = Iterate(v);
           it.Step(items.size());
           return Value::List(std::move(items));
         }},
        {"lower", [](Interpreter& it, const Value& v, CallArgs&) { return it.MakeString(Lower(Str(v))); }},
        {"map", Map},
        {"max", [](Interpreter& it, const Value& v, CallArgs& a) { return Extreme(it, v, a, 1); }},
        {"min", [](Interpreter& it, const Value& v, CallArgs& a) { return Extreme(it, v, a, -1); }},
        {"reject", [](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, false, false); }},
        {"rejectattr", [](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, true, false); }},
        {"replace",
         [](Interpreter& it, const Value& v, CallArgs& a) {
           const std::string from = Text(a, 0, "old", ""), to = Text(a, 1, "new", ""), text = Str(v);
           it.CheckSize(from.empty() ? text.size() * (to.size() + 1)
                                     : text.size() / from.size() * to.size() + text.size());
           return it.MakeString(Replace(text, from, to, Integer(a, 2, "count", -1)));
         }},
        {"reverse", Reverse},
        {"round", Round},
        {"safe", [](Interpreter&, const Value& v, CallArgs&) { return Value::String(Str(v), true); }},
        {"select", [](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, false, true); }},
        {"selectattr", [](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, true, true); }},
        {"sort", Sort},
        {"string", [](Interpreter& it, const Value& v, CallArgs&) { return v.IsString() ? v : it.MakeString(Str(v)); }},
        {"sum", Sum},
        {"title", [](Interpreter& it, const Value& v, CallArgs&) { return it.MakeString(Title(Str(v))); }},
        {"tojson", ToJsonFilter},
        {"trim",
         [](Interpreter& it, const Value& v, CallArgs& a) {
           const Value* chars = a.Get(0, "chars");
           const std::string text = Str(v);
           return it.MakeString(
               std::string(Strip(text, chars == nullptr || !chars->IsString() ? nullptr : &chars->text())));
         }},
        {"truncate", Truncate},
        {"unique", Unique},
        {"upper", [](Interpreter& it, const Value& v, CallArgs&) { return it.MakeString(Upper(Str(v))); }},
        {"urlencode", UrlEncode},
        {"wordcount",
         [](Interpreter& it, const Value& v, CallArgs&) {
           it.Step(1);
           return Value::Int(static_cast<std::int64_t>(Split(Str(v), nullptr, -1).size()));
         }},
    };
    f["count"] = f.at("length");
    f["d"] = f.at("default");
    f["e"] = f.at("escape");
    return f;
  }();
  return filters;
}

}  // namespace

FilterFunction FindFilter(std::string_view name) {
  const auto found = Filters().find(name);
  return found == Filters().end() ? nullptr : found->second;
}

}  // namespace strata::jinja
