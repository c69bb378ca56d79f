// Methods of str. Positions and widths count code points.
#include <algorithm>
#include <utility>

#include "base/unicode.h"
#include "formats/jinja/args.h"
#include "formats/jinja/methods.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

/// The argument as a text; nullptr when it is not given or none.
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

Value Strings(std::vector<std::string> parts) {
  std::vector<Value> items;
  for (std::string& part : parts) items.push_back(Value::String(std::move(part)));
  return Value::List(std::move(items));
}

template <std::string (*kFunction)(std::string_view)>
Value Mapped(Interpreter& it, const Value& self, CallArgs&) {
  return it.MakeString(kFunction(self.text()), self.markup());
}

template <std::string_view (*kFunction)(std::string_view, const std::string*)>
Value Stripped(Interpreter& it, const Value& self, CallArgs& args) {
  return it.MakeString(std::string(kFunction(self.text(), TextArgument(args, 0, "chars"))), self.markup());
}

template <std::vector<std::string> (*kFunction)(std::string_view, const std::string*, std::int64_t)>
Value Parts(Interpreter& it, const Value& self, CallArgs& args) {
  it.Step(self.text().size());
  const std::string* separator = TextArgument(args, 0, "sep");
  if (separator != nullptr && separator->empty()) Raise("empty separator");
  return Strings(kFunction(self.text(), separator, Integer(args, 1, "maxsplit", -1)));
}

Value Lines(Interpreter& it, const Value& self, CallArgs& args) {
  it.Step(self.text().size());
  return Strings(SplitLines(self.text(), Flag(args, 0, "keepends")));
}

Value ReplaceMethod(Interpreter& it, const Value& self, CallArgs& args) {
  const std::string &from = NeedText(args, 0, "old"), &to = NeedText(args, 1, "new"), &text = self.text();
  it.CheckSize(from.empty() ? text.size() * (to.size() + 1) : text.size() / from.size() * to.size() + text.size());
  return it.MakeString(Replace(text, from, to, Integer(args, 2, "count", -1)));
}

/// text[start:end] for the arguments 1 and 2 of find, count, startswith and their like.
struct Window {
  std::string_view text;
  std::int64_t start = 0;  ///< code points before it
  bool possible = true;    ///< false when start is behind the end: then not even "" is found
};
Window WindowOf(const Value& self, const CallArgs& args) {
  if (args.positional.size() < 2) return {self.text()};
  const std::int64_t length = Length(self);
  const auto bound = [&](std::size_t index, std::string_view name, std::int64_t fallback) {
    const std::int64_t at = Integer(args, index, name, fallback);
    return at < 0 ? std::max<std::int64_t>(at + length, 0) : at;
  };
  const std::int64_t start = bound(1, "start", 0), end = std::min(bound(2, "end", length), length);
  if (start > end) return {{}, start, false};
  std::string_view text = self.text();
  std::size_t from = 0, to = 0;
  for (std::int64_t i = 0; to < text.size() && i < end; ++i) {
    if (i == start) from = to;
    to += DecodeUtf8(text.substr(to)).length;
  }
  if (start == end) from = to;
  return {text.substr(from, to - from), start};
}

bool HasAffix(const Value& self, const CallArgs& args, bool prefix) {
  const Window window = WindowOf(self, args);
  const auto has = [&](const Value& affix) {
    if (!affix.IsString()) Raise(fmt::format("expected a string or a tuple of strings, not {}", TypeName(affix)));
    return window.possible && (prefix ? window.text.starts_with(affix.text()) : window.text.ends_with(affix.text()));
  };
  const Value& given = Needed(args, 0, "prefix");
  const bool many = given.Is(Kind::kSequence) && given.sequence().type == SequenceType::kTuple;
  return many ? std::ranges::any_of(given.sequence().items, has) : has(given);
}

std::int64_t FindIn(const Value& self, const CallArgs& args, bool last) {
  const std::string& needle = NeedText(args, 0, "sub");
  const Window window = WindowOf(self, args);
  if (!window.possible) return -1;
  const std::size_t at = last ? window.text.rfind(needle) : window.text.find(needle);
  if (at == std::string::npos) return -1;
  return window.start + static_cast<std::int64_t>(CountCodePoints(window.text.substr(0, at)));
}

template <bool kLast>
Value Find(Interpreter&, const Value& self, CallArgs& args) {
  return Value::Int(FindIn(self, args, kLast));
}

template <bool kLast>
Value Index(Interpreter&, const Value& self, CallArgs& args) {
  const std::int64_t at = FindIn(self, args, kLast);
  if (at < 0) Raise("substring not found");
  return Value::Int(at);
}

Value Count(Interpreter&, const Value& self, CallArgs& args) {
  const std::string& needle = NeedText(args, 0, "sub");
  const auto [text, start, possible] = WindowOf(self, args);
  if (!possible) return Value::Int(0);
  if (needle.empty()) return Value::Int(static_cast<std::int64_t>(CountCodePoints(text)) + 1);
  std::int64_t count = 0;
  for (std::size_t at = text.find(needle); at != text.npos; at = text.find(needle, at + needle.size())) ++count;
  return Value::Int(count);
}

Value JoinMethod(Interpreter& it, const Value& self, CallArgs& args) {
  std::string out;
  bool first = true;
  for (const Value& item : Iterate(Needed(args, 0, "iterable"))) {
    if (!item.IsString()) Raise(fmt::format("sequence item: expected str instance, {} found", TypeName(item)));
    if (!std::exchange(first, false)) out += self.text();
    out += item.text();
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
}

template <bool kFromRight>
Value Partition(Interpreter& it, const Value& self, CallArgs& args) {
  const std::string &text = self.text(), &separator = NeedText(args, 0, "sep");
  if (separator.empty()) Raise("empty separator");
  const std::size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  if (at == text.npos) {
    return kFromRight ? Value::Tuple({Value::String(""), Value::String(""), self})
                      : Value::Tuple({self, Value::String(""), Value::String("")});
  }
  return Value::Tuple(
      {it.MakeString(text.substr(0, at)), it.MakeString(separator), it.MakeString(text.substr(at + separator.size()))});
}

Value RemovePrefix(Interpreter& it, const Value& self, CallArgs& args) {
  const std::string& prefix = NeedText(args, 0, "prefix");
  return self.text().starts_with(prefix) ? it.MakeString(self.text().substr(prefix.size())) : self;
}

Value RemoveSuffix(Interpreter& it, const Value& self, CallArgs& args) {
  const std::string& suffix = NeedText(args, 0, "suffix");
  if (!self.text().ends_with(suffix)) return self;
  return it.MakeString(self.text().substr(0, self.text().size() - suffix.size()));
}

enum class Side { kLeft, kRight, kCenter };
template <Side kSide>
Value Justify(Interpreter& it, const Value& self, CallArgs& args) {
  const std::int64_t width = RequireInt(Needed(args, 0, "width"), "width");
  const std::string fill = Text(args, 1, "fillchar", " ");
  if (CountCodePoints(fill) != 1) Raise("The fill character must be exactly one character long");
  it.CheckSize(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
  if (kSide == Side::kCenter) return it.MakeString(Centered(self.text(), width, fill));
  std::string padding;
  for (std::int64_t i = Length(self); i < width; ++i) padding += fill;
  return it.MakeString(kSide == Side::kLeft ? self.text() + padding : padding + self.text());
}

Value ZeroFill(Interpreter& it, const Value& self, CallArgs& args) {
  const std::int64_t width = RequireInt(Needed(args, 0, "width"), "width");
  it.CheckSize(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
  const std::int64_t missing = width - Length(self);
  if (missing <= 0) return self;
  std::string text = self.text();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  return it.MakeString(text.insert(sign ? 1 : 0, static_cast<std::size_t>(missing), '0'));
}

Value ExpandTabs(Interpreter& it, const Value& self, CallArgs& args) {
  const std::int64_t size = std::clamp<std::int64_t>(Integer(args, 0, "tabsize", 8), 0, 1000);
  std::string out;
  std::int64_t column = 0;
  for (const char32_t c : ToCodePoints(self.text())) {
    if (c != '\t') {
      AppendUtf8(out, c);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
      continue;
    }
    const std::int64_t spaces = size == 0 ? 0 : size - column % size;
    out.append(static_cast<std::size_t>(spaces), ' ');
    column += spaces;
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
}

/// Digits of other scripts and superscripts count, fractions do not.
bool IsPythonDigit(char32_t c) {
  if (IsDecimalDigit(c)) return true;
  if (!IsNumber(c)) return false;
  std::string text;
  AppendUtf8(text, c);
  const std::string plain = Normalize(text, NormalizationForm::kNfkc);
  return plain.size() == 1 && plain[0] >= '0' && plain[0] <= '9';
}
bool IsAlphaNumeric(char32_t c) { return IsLetter(c) || IsNumber(c); }
bool IsPrintable(char32_t c) { return c == ' ' || (!IsControl(c) && !IsWhiteSpace(c)); }
bool IsAscii(char32_t c) { return c < 0x80; }

template <bool (*kHolds)(char32_t), bool kOfEmpty = false>
Value All(Interpreter& it, const Value& self, CallArgs&) {
  it.Step(self.text().size() / 64);
  const std::u32string points = ToCodePoints(self.text());
  return Value::Bool(points.empty() ? kOfEmpty : std::ranges::all_of(points, kHolds));
}

template <bool (*kHolds)(std::string_view)>
Value Is(Interpreter&, const Value& self, CallArgs&) {
  return Value::Bool(kHolds(self.text()));
}

bool IsTitle(std::string_view text) { return std::ranges::any_of(ToCodePoints(text), IsCased) && Title(text) == text; }

bool IsIdentifier(std::string_view text) {
  const std::u32string points = ToCodePoints(text);
  const auto starts = [](char32_t c) { return IsLetter(c) || c == '_'; };
  const auto goes_on = [&](char32_t c) { return starts(c) || IsDecimalDigit(c) || IsMark(c); };
  return !points.empty() && starts(points[0]) && std::ranges::all_of(points, goes_on);
}

}  // namespace

const MethodTable& TextMethods() {
  static const MethodTable methods = {
      {"capitalize", {Mapped<Capitalize>, ""}},
      {"casefold", {Mapped<CaseFold>, ""}},
      {"center", {Justify<Side::kCenter>, "width fillchar"}},
      {"count", {Count, "sub start end"}},
      {"endswith",
       {[](Interpreter&, const Value& s, CallArgs& a) { return Value::Bool(HasAffix(s, a, false)); },
        "prefix start end"}},
      {"expandtabs", {ExpandTabs, "tabsize"}},
      {"find", {Find<false>, "sub start end"}},
      {"format", {[](Interpreter& it, const Value& s, CallArgs& a) { return BraceFormat(it, s, a); }, "*"}},
      {"index", {Index<false>, "sub start end"}},
      {"isalnum", {All<IsAlphaNumeric>, ""}},
      {"isalpha", {All<IsLetter>, ""}},
      {"isascii", {All<IsAscii, true>, ""}},
      {"isdecimal", {All<IsDecimalDigit>, ""}},
      {"isdigit", {All<IsPythonDigit>, ""}},
      {"isidentifier", {Is<IsIdentifier>, ""}},
      {"islower", {Is<IsLower>, ""}},
      {"isnumeric", {All<IsNumber>, ""}},
      {"isprintable", {All<IsPrintable, true>, ""}},
      {"isspace", {All<IsPythonSpace>, ""}},
      {"istitle", {Is<IsTitle>, ""}},
      {"isupper", {Is<IsUpper>, ""}},
      {"join", {JoinMethod, "iterable"}},
      {"ljust", {Justify<Side::kLeft>, "width fillchar"}},
      {"lower", {Mapped<Lower>, ""}},
      {"lstrip", {Stripped<StripLeft>, "chars"}},
      {"partition", {Partition<false>, "sep"}},
      {"removeprefix", {RemovePrefix, "prefix"}},
      {"removesuffix", {RemoveSuffix, "suffix"}},
      {"replace", {ReplaceMethod, "old new count"}},
      {"rfind", {Find<true>, "sub start end"}},
      {"rindex", {Index<true>, "sub start end"}},
      {"rjust", {Justify<Side::kRight>, "width fillchar"}},
      {"rpartition", {Partition<true>, "sep"}},
      {"rsplit", {Parts<SplitRight>, "sep maxsplit"}},
      {"rstrip", {Stripped<StripRight>, "chars"}},
      {"split", {Parts<Split>, "sep maxsplit"}},
      {"splitlines", {Lines, "keepends"}},
      {"startswith",
       {[](Interpreter&, const Value& s, CallArgs& a) { return Value::Bool(HasAffix(s, a, true)); },
        "prefix start end"}},
      {"strip", {Stripped<Strip>, "chars"}},
      {"swapcase", {Mapped<SwapCase>, ""}},
      {"title", {Mapped<Title>, ""}},
      {"upper", {Mapped<Upper>, ""}},
      {"zfill", {ZeroFill, "width"}},
  };
  return methods;
}

}  // namespace strata::jinja
