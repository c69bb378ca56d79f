#include "formats/jinja/value.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/unicode.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

// Bounds the recursion of destructors, comparisons and repr().
constexpr std::size_t kMaxNesting = 500;

std::size_t DepthOf(const Value& value) {
  if (value.Is(Kind::kSequence)) return value.sequence().depth;
  if (value.Is(Kind::kDict)) return value.dict().depth;
  return 0;
}

std::size_t CheckDepth(std::size_t depth) {
  if (depth > kMaxNesting) {
    throw TemplateError{ErrorCode::kResourceExhausted, fmt::format("values nest deeper than {}", kMaxNesting)};
  }
  return depth;
}

template <class T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// Python compares str by code point, which is the order of UTF-8 bytes.
int CompareSequences(const SequenceObject& a, const SequenceObject& b) {
  const std::size_t n = std::min(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (!Equal(a.items[i], b.items[i])) return Compare(a.items[i], b.items[i]);
  }
  return Sign(a.items.size(), b.items.size());
}

}  // namespace

void Raise(std::string message) { throw TemplateError{ErrorCode::kInvalidArgument, std::move(message)}; }

Value Value::String(std::string text, bool markup) {
  auto object = std::make_shared<StringObject>();
  object->text = std::move(text);
  object->markup = markup;
  return Value(Kind::kString, std::move(object));
}
Value Value::List(std::vector<Value> items) { return MakeSequence(SequenceType::kList, std::move(items)); }
Value Value::Tuple(std::vector<Value> items) { return MakeSequence(SequenceType::kTuple, std::move(items)); }
Value Value::Generator(std::vector<Value> items) { return MakeSequence(SequenceType::kGenerator, std::move(items)); }
const std::string& Value::text() const { return as<StringObject>().text; }
bool Value::markup() const { return IsString() && as<StringObject>().markup; }
SequenceObject& Value::sequence() const { return as<SequenceObject>(); }
DictObject& Value::dict() const { return as<DictObject>(); }

Value MakeSequence(SequenceType type, std::vector<Value> items) {
  auto object = std::make_shared<SequenceObject>();
  object->type = type;
  for (const Value& item : items) object->depth = std::max(object->depth, DepthOf(item) + 1);
  CheckDepth(object->depth);
  object->items = std::move(items);
  return Value(Kind::kSequence, std::move(object));
}

Value MakeDict(std::vector<std::pair<Value, Value>> unique_items) {
  auto object = std::make_shared<DictObject>();
  for (const auto& [key, item] : unique_items) {
    object->depth = std::max({object->depth, DepthOf(key) + 1, DepthOf(item) + 1});
  }
  CheckDepth(object->depth);
  object->items = std::move(unique_items);
  return Value(Kind::kDict, std::move(object));
}

Value MakeCallable(std::string name, std::function<Value(Interpreter&, CallArgs&)> call) {
  auto object = std::make_shared<CallableObject>();
  object->name = std::move(name);
  object->call = std::move(call);
  return Value(Kind::kCallable, std::move(object));
}

const Value* CallArgs::Get(std::size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

const Value* DictObject::Find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    if (name.IsString() && name.text() == key) return &value;
  }
  return nullptr;
}

const Value* DictObject::Find(const Value& key) const {
  if (key.IsString()) return Find(std::string_view(key.text()));
  for (const auto& [name, value] : items) {
    if (Equal(name, key)) return &value;
  }
  return nullptr;
}

void DictObject::Set(const Value& key, Value value) {
  if (key.Is(Kind::kDict) || (key.Is(Kind::kSequence) && key.sequence().type == SequenceType::kList)) {
    Raise(fmt::format("unhashable type: '{}'", TypeName(key)));
  }
  depth = CheckDepth(std::max(depth, DepthOf(value) + 1));
  if (const Value* found = Find(key)) {
    *const_cast<Value*>(found) = std::move(value);
  } else {
    items.emplace_back(key, std::move(value));
  }
}

std::string NamespaceObject::ToString() const {
  std::string out = "<Namespace ";
  AppendRepr(out, MakeDict(attributes.items));
  return out + '>';
}

void RequireDefined(const Value& value) {
  if (!value.IsUndefined()) return;
  if (value.unsafe()) Raise("access to this attribute is unsafe");
  Raise(value.hint() ? fmt::format("'{}' is undefined", *value.hint()) : "value is undefined");
}

std::int64_t RequireInt(const Value& value, std::string_view what) {
  RequireDefined(value);
  if (!value.IsIntegral()) Raise(fmt::format("{} must be an integer, not {}", what, TypeName(value)));
  return value.integer();
}

bool Truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return false;
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kSequence:
      return value.sequence().type == SequenceType::kGenerator || !value.sequence().items.empty();
    case Kind::kDict:
      return !value.dict().items.empty();
    default:
      return true;
  }
}

bool Equal(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    if (a.IsIntegral() && b.IsIntegral()) return a.integer() == b.integer();
    return a.number() == b.number();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      return a.text() == b.text();
    case Kind::kSequence: {
      const SequenceObject &x = a.sequence(), &y = b.sequence();
      if (&x == &y) return true;
      if (x.type != y.type || x.type == SequenceType::kGenerator || x.items.size() != y.items.size()) return false;
      return std::equal(x.items.begin(), x.items.end(), y.items.begin(), Equal);
    }
    case Kind::kDict: {
      const DictObject &x = a.dict(), &y = b.dict();
      if (x.items.size() != y.items.size()) return false;
      return std::all_of(x.items.begin(), x.items.end(), [&](const auto& item) {
        const Value* other = y.Find(item.first);
        return other != nullptr && Equal(item.second, *other);
      });
    }
    default:
      return a.object() == b.object();
  }
}

int Compare(const Value& a, const Value& b) {
  RequireDefined(a);
  RequireDefined(b);
  if (a.IsNumber() && b.IsNumber()) {
    return a.IsIntegral() && b.IsIntegral() ? Sign(a.integer(), b.integer()) : Sign(a.number(), b.number());
  }
  if (a.IsString() && b.IsString()) return Sign(a.text(), b.text());
  if (a.Is(Kind::kSequence) && b.Is(Kind::kSequence) && a.sequence().type == b.sequence().type &&
      a.sequence().type <= SequenceType::kTuple) {
    return CompareSequences(a.sequence(), b.sequence());
  }
  Raise(fmt::format("cannot order '{}' and '{}'", TypeName(a), TypeName(b)));
}

bool Contains(const Value& haystack, const Value& needle) {
  switch (haystack.kind()) {
    case Kind::kString:
      if (!needle.IsString()) Raise(fmt::format("'in <string>' requires string, not {}", TypeName(needle)));
      return haystack.text().find(needle.text()) != std::string::npos;
    case Kind::kDict:
      return haystack.dict().Find(needle) != nullptr;
    case Kind::kUndefined:
      return false;
    case Kind::kSequence: {
      const std::vector<Value> items = Iterate(haystack);
      return std::any_of(items.begin(), items.end(), [&](const Value& item) { return Equal(item, needle); });
    }
    default:
      Raise(fmt::format("argument of type '{}' is not iterable", TypeName(haystack)));
  }
}

std::string_view TypeName(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kSequence: {
      static constexpr std::string_view kNames[] = {"list",        "tuple",      "generator", "dict_keys",
                                                    "dict_values", "dict_items", "range"};
      return kNames[static_cast<int>(value.sequence().type)];
    }
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kCallable:
      return "function";
    case Kind::kLoop:
      return "LoopContext";
  }
  return "object";
}

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const double magnitude = std::fabs(value);
  // Python switches to the exponent form at 1e16 and below 1e-4.
  const bool fixed = value == 0 || (magnitude < 1e16 && magnitude >= 1e-4);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

void AppendStr(std::string& out, const Value& value) {
  if (value.IsString()) {
    out += value.text();
  } else if (!value.IsUndefined()) {
    AppendRepr(out, value);
  }
}

std::string Str(const Value& value) {
  std::string out;
  AppendStr(out, value);
  return out;
}

namespace {

void AppendSequenceRepr(std::string& out, const SequenceObject& sequence) {
  static constexpr std::string_view kOpen[] = {"[", "(", "", "dict_keys([", "dict_values([", "dict_items([", ""};
  static constexpr std::string_view kClose[] = {"]", ")", "", "])", "])", "])", ""};
  if (sequence.type == SequenceType::kGenerator) {
    out += "<generator object>";
    return;
  }
  if (sequence.type == SequenceType::kRange) {
    out += fmt::format("range({}, {}", sequence.start, sequence.stop);
    out += sequence.step == 1 ? ")" : fmt::format(", {})", sequence.step);
    return;
  }
  out += kOpen[static_cast<int>(sequence.type)];
  bool first = true;
  for (const Value& item : sequence.items) {
    if (!first) out += ", ";
    first = false;
    AppendRepr(out, item);
  }
  if (sequence.type == SequenceType::kTuple && sequence.items.size() == 1) out += ",";
  out += kClose[static_cast<int>(sequence.type)];
}

void AppendDictRepr(std::string& out, const DictObject& dict) {
  out += "{";
  bool first = true;
  for (const auto& [key, item] : dict.items) {
    if (!first) out += ", ";
    first = false;
    AppendRepr(out, key);
    out += ": ";
    AppendRepr(out, item);
  }
  out += "}";
}

}  // namespace

void AppendRepr(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      out += "Undefined";
      break;
    case Kind::kNone:
      out += "None";
      break;
    case Kind::kBool:
      out += value.integer() != 0 ? "True" : "False";
      break;
    case Kind::kInt:
      out += std::to_string(value.integer());
      break;
    case Kind::kFloat:
      out += FloatRepr(value.number());
      break;
    case Kind::kString:
      if (value.markup()) out += "Markup(";
      AppendQuoted(out, value.text());
      if (value.markup()) out += ")";
      break;
    case Kind::kSequence:
      AppendSequenceRepr(out, value.sequence());
      break;
    case Kind::kDict:
      AppendDictRepr(out, value.dict());
      break;
    case Kind::kNamespace:
    case Kind::kCallable:
    case Kind::kLoop:
      out += value.object()->ToString();
      break;
  }
}

std::vector<Value> Iterate(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return {};
    case Kind::kString: {
      std::vector<Value> items;
      for (std::string_view rest = value.text(); !rest.empty();) {
        const std::size_t n = DecodeUtf8(rest).length;
        items.push_back(Value::String(std::string(rest.substr(0, n))));
        rest.remove_prefix(n);
      }
      return items;
    }
    case Kind::kSequence: {
      SequenceObject& sequence = value.sequence();
      if (sequence.type != SequenceType::kGenerator) return sequence.items;
      std::vector<Value> items(sequence.items.begin() + static_cast<std::ptrdiff_t>(sequence.cursor),
                               sequence.items.end());
      sequence.cursor = sequence.items.size();
      return items;
    }
    case Kind::kDict: {
      std::vector<Value> items;
      for (const auto& entry : value.dict().items) items.push_back(entry.first);
      return items;
    }
    default:
      Raise(fmt::format("'{}' object is not iterable", TypeName(value)));
  }
}

std::int64_t Length(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return static_cast<std::int64_t>(CountCodePoints(value.text()));
    case Kind::kDict:
      return static_cast<std::int64_t>(value.dict().items.size());
    case Kind::kSequence:
      if (value.sequence().type != SequenceType::kGenerator) {
        return static_cast<std::int64_t>(value.sequence().items.size());
      }
      [[fallthrough]];
    default:
      Raise(fmt::format("object of type '{}' has no len()", TypeName(value)));
  }
}

namespace {

/// Without underscores between digits; none where there are others.
std::optional<std::string> WithoutUnderscores(std::string_view text) {
  const auto digit = [&](std::size_t i) {
    return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i]));
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && (i == 0 || !digit(i - 1) || !digit(i + 1))) return std::nullopt;
    if (text[i] != '_') out += text[i];
  }
  return out;
}

}  // namespace

Value ParseInt(std::string_view text, std::int64_t base) {
  text = Strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (base != 0 && (base < 2 || base > 36)) return {};
  static constexpr std::pair<char, int> kPrefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  for (const auto& [letter, its] : kPrefixes) {
    if ((base != its && base != 0) || text.size() < 2 || text[0] != '0' || (text[1] | 0x20) != letter) continue;
    text.remove_prefix(text.size() > 2 && text[2] == '_' ? 3 : 2);
    base = its;
  }
  if (base == 0) base = 10;
  const std::optional<std::string> digits = WithoutUnderscores(text);
  if (!digits || digits->empty() || digits->front() == '-') return {};
  std::int64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits->data(), digits->data() + digits->size(), number, static_cast<int>(base));
  if (error != std::errc() || end != digits->data() + digits->size()) return {};
  return Value::Int(negative ? -number : number);
}

Value ParseFloat(std::string_view text) {
  const std::optional<std::string> plain = WithoutUnderscores(Strip(text));
  if (!plain) return {};
  const char* begin = plain->data() + (plain->starts_with('+') && !plain->starts_with("+-") ? 1 : 0);
  double number = 0;
  const auto [end, error] = std::from_chars(begin, plain->data() + plain->size(), number);
  if (end != plain->data() + plain->size() || begin == end) return {};
  // Out of the range of a double is infinity or zero, as strtod says.
  return Value::Float(error == std::errc::result_out_of_range ? std::strtod(begin, nullptr) : number);
}

}  // namespace strata::jinja
