// Filters of sequences and mappings. Semantics: jinja2.filters.
#include <algorithm>

#include "base/unicode.h"
#include "formats/jinja/args.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

bool IsIndex(std::string_view part) {
  return !part.empty() && part.size() < 10 && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
}

Value Folded(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.IsString() ? Value::String(Lower(value.text())) : value;
}

/// The key that unique, min, max and groupby compare by.
Value KeyOf(Interpreter& it, const Value& item, const Value* attribute, bool case_sensitive,
            const Value* fallback = nullptr) {
  return Folded(attribute == nullptr || attribute->Is(Kind::kNone) ? item : Along(it, item, *attribute, fallback),
                case_sensitive);
}

Value SortBy(Interpreter& it, const std::vector<Value>& items, const std::function<Value(const Value&)>& key,
             bool reverse) {
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items) keyed.emplace_back(key(item), item);
  it.Step(keyed.size() * 8);
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    const int order = Compare(a.first, b.first);
    return reverse ? order > 0 : order < 0;
  });
  std::vector<Value> sorted;
  for (auto& [unused, item] : keyed) sorted.push_back(std::move(item));
  return Value::List(std::move(sorted));
}

Value Sort(Interpreter& it, const Value& value, CallArgs& args) {
  const bool reverse = Flag(args, 0, "reverse"), sensitive = Flag(args, 1, "case_sensitive");
  const Value* attribute = args.Get(2, "attribute");
  std::vector<Value> paths;  // "a,b" sorts by a, then by b
  if (attribute != nullptr && attribute->IsString()) {
    const std::string comma = ",";
    for (std::string& path : Split(attribute->text(), &comma, -1)) paths.push_back(Value::String(std::move(path)));
  } else {
    paths.push_back(attribute == nullptr ? Value::None() : *attribute);
  }
  const auto key = [&](const Value& item) {
    std::vector<Value> keys;
    for (const Value& path : paths) keys.push_back(KeyOf(it, item, &path, sensitive));
    return Value::List(std::move(keys));
  };
  return SortBy(it, Iterate(value), key, reverse);
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
  const Value& attribute = Needed(args, 0, "attribute");
  const Value* fallback = args.Get(1, "default");
  const bool sensitive = Flag(args, 2, "case_sensitive");
  const auto key = [&](const Value& item) { return KeyOf(it, item, &attribute, sensitive, fallback); };
  std::vector<Value> groups, members;
  const auto close = [&] {
    if (members.empty()) return;
    Value grouper = Along(it, members[0], attribute, fallback);
    Value group = Value::Tuple({std::move(grouper), Value::List(std::exchange(members, {}))});
    group.sequence().group = true;
    groups.push_back(std::move(group));
  };
  Value current;
  for (const Value& item : SortBy(it, Iterate(value), key, false).sequence().items) {
    Value its = key(item);
    if (!members.empty() && !Equal(its, current)) close();
    current = std::move(its);
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
    CheckArguments("map", "attribute default", args);
    const Value& attribute = Needed(args, 0, "attribute");
    const Value* fallback = args.Get(1, "default");
    for (const Value& item : Iterate(value)) mapped.push_back(Along(it, item, attribute, fallback));
    return Value::Generator(std::move(mapped));
  }
  const std::string name = Str(args.positional[0]);
  const Filter* filter = FindFilter(name);
  for (const Value& item : Iterate(value)) {
    CallArgs rest;
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.named = args.named;
    it.Step();
    mapped.push_back(CallFilter(it, name, filter, item, rest));
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
    AppendStr(out, attribute == nullptr || attribute->Is(Kind::kNone) ? item : Along(it, item, *attribute));
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
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
  while (!row.empty() && fill != nullptr && !fill->Is(Kind::kNone) &&
         static_cast<std::int64_t>(row.size()) < std::min<std::int64_t>(size, 10'000))
    row.push_back(*fill);
  if (!row.empty()) batches.push_back(Value::List(std::move(row)));
  return Value::Generator(std::move(batches));
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

Value DictSort(Interpreter&, const Value& value, CallArgs& args) {
  RequireDefined(value);
  if (!value.Is(Kind::kDict)) Raise("dictsort needs a mapping");
  const bool sensitive = Flag(args, 0, "case_sensitive"), by_value = Text(args, 1, "by", "key") == "value";
  if (!by_value && Text(args, 1, "by", "key") != "key") Raise("You can only sort by either \"key\" or \"value\"");
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

Value Slice(Interpreter&, const Value& value, CallArgs& args) {
  const std::int64_t count = RequireInt(Needed(args, 0, "slices"), "slices");
  if (count < 1 || count > 10'000) Raise("slice needs a positive number of columns");
  const Value* fill = args.Get(1, "fill_with");
  const std::vector<Value> items = Iterate(value);
  const auto columns = static_cast<std::size_t>(count);
  const std::size_t each = items.size() / columns, longer = items.size() % columns;
  std::vector<Value> slices;
  std::size_t at = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t size = each + (i < longer ? 1 : 0);
    std::vector<Value> column(items.begin() + static_cast<std::ptrdiff_t>(at),
                              items.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    if (fill != nullptr && !fill->Is(Kind::kNone) && i >= longer) column.push_back(*fill);
    slices.push_back(Value::List(std::move(column)));
  }
  return Value::Generator(std::move(slices));
}

Value Sum(Interpreter& it, const Value& value, CallArgs& args) {
  const Value* attribute = args.Get(0, "attribute");
  const Value* start = args.Get(1, "start");
  Value total = start == nullptr ? Value::Int(0) : *start;
  if (total.IsString()) Raise("sum() can't sum strings");
  for (const Value& item : Iterate(value)) {
    total = BinaryOperator(it, Op::kAdd, total,
                           attribute == nullptr || attribute->Is(Kind::kNone) ? item : Along(it, item, *attribute));
  }
  return total;
}

Value First(Interpreter& it, const Value& value, CallArgs&) {
  if (value.Is(Kind::kSequence)) {  // of a generator the first only is consumed
    SequenceObject& sequence = value.sequence();
    if (sequence.cursor >= sequence.items.size()) return {};
    return sequence.items[sequence.type == SequenceType::kGenerator ? sequence.cursor++ : 0];
  }
  const auto items = Iterate(value);
  it.Step(items.size());
  return items.empty() ? Value() : items.front();
}

Value Last(Interpreter& it, const Value& value, CallArgs&) {
  if (value.Is(Kind::kSequence) && value.sequence().type == SequenceType::kGenerator) {
    Raise("'generator' object is not reversible");
  }
  const auto items = Iterate(value);
  it.Step(items.size());
  return items.empty() ? Value() : items.back();
}

Value Items(Interpreter&, const Value& value, CallArgs&) {
  if (value.IsUndefined()) return Value::Generator({});
  if (!value.Is(Kind::kDict)) Raise("Can only get item pairs from a mapping.");
  std::vector<Value> items;
  for (const auto& [key, item] : value.dict().items) items.push_back(Value::Tuple({key, item}));
  return Value::Generator(std::move(items));
}

Value ToList(Interpreter& it, const Value& value, CallArgs&) {
  auto items = Iterate(value);
  it.Step(items.size());
  return Value::List(std::move(items));
}

/// getattr: what a mapping holds is no attribute of it.
Value Attribute(Interpreter& it, const Value& value, CallArgs& args) {
  RequireDefined(value);
  const std::string name = Str(Needed(args, 0, "name"));
  return value.Is(Kind::kDict) ? FindMethod(value, name) : it.GetAttribute(value, name);
}

Value Default(Interpreter&, const Value& value, CallArgs& args) {
  const Value* fallback = args.Get(0, "default_value");
  const bool use = value.IsUndefined() || (Flag(args, 1, "boolean") && !Truth(value));
  return !use ? value : fallback == nullptr ? Value::String("") : *fallback;
}

}  // namespace

Value Along(Interpreter& it, Value value, const Value& path, const Value* fallback) {
  const auto step = [&](const Value& part) {
    value = it.GetItem(value, part);
    if (value.IsUndefined() && fallback != nullptr) value = *fallback;
  };
  if (!path.IsString()) {
    step(path);
    return value;
  }
  const std::string dot = ".";
  for (const std::string& part : Split(path.text(), &dot, -1)) {
    step(IsIndex(part) ? Value::Int(std::stoll(part)) : Value::String(part));
  }
  return value;
}

void AddSequenceFilters(FilterTable& filters) {
  filters["attr"] = {Attribute, "name"};
  filters["batch"] = {Batch, "linecount fill_with"};
  filters["default"] = filters["d"] = {Default, "default_value boolean"};
  filters["dictsort"] = {DictSort, "case_sensitive by reverse"};
  filters["first"] = {First, ""};
  filters["groupby"] = {GroupBy, "attribute default case_sensitive"};
  filters["items"] = {Items, ""};
  filters["join"] = {Join, "d attribute"};
  filters["last"] = {Last, ""};
  filters["length"] =
      filters["count"] = {[](Interpreter&, const Value& v, CallArgs&) { return Value::Int(Length(v)); }, ""};
  filters["list"] = {ToList, ""};
  filters["map"] = {Map, "*"};
  filters["max"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Extreme(it, v, a, 1); },
                    "case_sensitive attribute"};
  filters["min"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Extreme(it, v, a, -1); },
                    "case_sensitive attribute"};
  filters["reject"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, false, false); },
                       "*"};
  filters["rejectattr"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, true, false); },
                           "*"};
  filters["reverse"] = {Reverse, ""};
  filters["select"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, false, true); }, "*"};
  filters["selectattr"] = {[](Interpreter& it, const Value& v, CallArgs& a) { return Select(it, v, a, true, true); },
                           "*"};
  filters["slice"] = {Slice, "slices fill_with"};
  filters["sort"] = {Sort, "reverse case_sensitive attribute"};
  filters["sum"] = {Sum, "attribute start"};
  filters["unique"] = {Unique, "case_sensitive attribute"};
}

}  // namespace strata::jinja
