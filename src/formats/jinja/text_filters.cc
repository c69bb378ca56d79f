// Filters of texts. Semantics: jinja2.filters.
#include <algorithm>

#include "base/html.h"
#include "base/unicode.h"
#include "formats/jinja/args.h"
#include "formats/jinja/filters.h"
#include "formats/jinja/json.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

template <std::string (*kFunction)(std::string_view)>
Value OfText(Interpreter& it, const Value& value, CallArgs&) {
  return it.MakeString(kFunction(Str(value)), value.markup());
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
  JsonOptions options;
  options.ensure_ascii = Flag(args, 0, "ensure_ascii");
  options.sort_keys = Flag(args, 3, "sort_keys");
  if (const Value* indent = args.Get(1, "indent"); indent != nullptr && !indent->Is(Kind::kNone)) {
    options.indent =
        indent->IsString()
            ? indent->text()
            : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(RequireInt(*indent, "indent"), 0, 1000)),
                          ' ');
    options.item_separator = ",";
  }
  if (const Value* separators = args.Get(2, "separators"); separators != nullptr && !separators->Is(Kind::kNone)) {
    const std::vector<Value> both = Iterate(*separators);
    if (both.size() != 2 || !both[0].IsString() || !both[1].IsString()) Raise("separators must be two strings");
    options.item_separator = both[0].text();
    options.key_separator = both[1].text();
  }
  return it.MakeString(ToJson(value, options));
}

Value Truncate(Interpreter& it, const Value& value, CallArgs& args) {
  const std::u32string points = ToCodePoints(Str(value));
  const auto length = static_cast<std::size_t>(std::max<std::int64_t>(Integer(args, 0, "length", 255), 0));
  const std::string end = Text(args, 2, "end", "...");
  if (length < CountCodePoints(end)) Raise(fmt::format("expected length >= {}, got {}", CountCodePoints(end), length));
  const auto leeway = static_cast<std::size_t>(std::max<std::int64_t>(Integer(args, 3, "leeway", 5), 0));
  if (points.size() <= length + leeway) return it.MakeString(FromCodePoints(points));
  const std::size_t end_length = ToCodePoints(end).size();
  std::u32string kept = points.substr(0, length - end_length);
  if (!Flag(args, 1, "killwords")) kept = kept.substr(0, std::min(kept.rfind(U' '), kept.size()));
  return it.MakeString(FromCodePoints(kept) + end);
}

std::string Quote(const std::string& text, bool in_query) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.~").find(c) != std::string_view::npos || (c == '/' && !in_query);
    if (plain) {
      out += c;
    } else if (c == ' ' && in_query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

/// A text is quoted as a path; a mapping or pairs as a query.
Value UrlEncode(Interpreter& it, const Value& value, CallArgs&) {
  std::vector<std::pair<Value, Value>> pairs;
  if (value.Is(Kind::kDict)) {
    pairs = value.dict().items;
  } else if (value.Is(Kind::kSequence)) {
    for (const Value& item : Iterate(value)) {
      const std::vector<Value> both = Iterate(item);
      if (both.size() != 2) Raise("urlencode needs pairs");
      pairs.emplace_back(both[0], both[1]);
    }
  } else {
    return it.MakeString(Quote(Str(value), false));
  }
  std::string out;
  for (const auto& [key, item] : pairs) {
    if (!out.empty()) out += '&';
    out += Quote(Str(key), true) + '=' + Quote(Str(item), true);
    it.CheckSize(out.size());
  }
  return it.MakeString(std::move(out));
}

Value Center(Interpreter& it, const Value& value, CallArgs& args) {
  const std::int64_t width = Integer(args, 0, "width", 80);
  it.CheckSize(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
  return it.MakeString(Centered(Str(value), width, " "), value.markup());
}

Value Escape(Interpreter& it, const Value& value, CallArgs&) {
  return value.markup() ? value : it.MakeString(EscapeHtml(Str(value)), true);
}

Value ForceEscape(Interpreter& it, const Value& value, CallArgs&) {
  return it.MakeString(EscapeHtml(Str(value)), true);
}

Value FileSize(Interpreter& it, const Value& value, CallArgs& args) {
  const double base = Flag(args, 0, "binary") ? 1024 : 1000;
  const Value number = value.IsString() ? ParseFloat(value.text()) : value;
  if (!number.IsNumber()) Raise("filesizeformat needs a number");
  const double bytes = number.number();
  if (bytes == 1) return Value::String("1 Byte");
  if (bytes < base) return it.MakeString(fmt::format("{} Bytes", static_cast<std::int64_t>(bytes)));
  static constexpr std::string_view kDecimal = "kMGTPEZY", kBinary = "KMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  for (; i + 1 < kDecimal.size() && bytes >= unit * base; ++i) unit *= base;
  return it.MakeString(fmt::format("{:.1f} {}", bytes / unit,
                                   base == 1000 ? std::string{kDecimal[i], 'B'} : std::string{kBinary[i], 'i', 'B'}));
}

Value Format(Interpreter& it, const Value& value, CallArgs& args) {
  if (!args.positional.empty() && !args.named.empty())
    Raise("can't handle positional and keyword arguments at the same time");
  const Value text = value.IsString() ? value : it.MakeString(Str(value));
  if (args.named.empty()) return PercentFormat(it, text, Value::Tuple(args.positional));
  std::vector<std::pair<Value, Value>> named;
  named.reserve(args.named.size());
  for (const auto& [name, item] : args.named) named.emplace_back(Value::String(name), item);
  return PercentFormat(it, text, MakeDict(std::move(named)));
}

Value ReplaceFilter(Interpreter& it, const Value& value, CallArgs& args) {
  const std::string from = Str(Needed(args, 0, "old")), to = Str(Needed(args, 1, "new")), text = Str(value);
  it.CheckSize(from.empty() ? text.size() * (to.size() + 1) : text.size() / from.size() * to.size() + text.size());
  return it.MakeString(Replace(text, from, to, Integer(args, 2, "count", -1)));
}

Value ToString(Interpreter& it, const Value& value, CallArgs&) {
  return value.IsString() ? value : it.MakeString(Str(value));
}

/// Words as jinja2 parts them: at white space, hyphens and opening brackets, not at apostrophes.
std::string TitleWords(std::string_view text) {
  std::string out;
  std::string word;
  const auto flush = [&] {
    out += Capitalize(word);
    word.clear();
  };
  for (const char32_t c : ToCodePoints(text)) {
    if (IsPythonSpace(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos) {
      flush();
      AppendUtf8(out, c);
    } else {
      AppendUtf8(word, c);
    }
  }
  flush();
  return out;
}

Value Trim(Interpreter& it, const Value& value, CallArgs& args) {
  const Value* chars = args.Get(0, "chars");
  const std::string text = Str(value);
  const bool given = chars != nullptr && chars->IsString();
  return it.MakeString(std::string(Strip(text, given ? &chars->text() : nullptr)), value.markup());
}

Value WordCount(Interpreter& it, const Value& value, CallArgs&) {
  std::int64_t words = 0;
  bool inside = false;
  const std::u32string points = ToCodePoints(Str(value));
  it.Step(points.size() / 64);
  for (const char32_t c : points) {
    const bool word = IsLetter(c) || IsNumber(c) || c == '_';
    words += word && !inside;
    inside = word;
  }
  return Value::Int(words);
}

}  // namespace

void AddTextFilters(FilterTable& filters) {
  filters["capitalize"] = {OfText<Capitalize>, ""};
  filters["center"] = {Center, "width"};
  filters["escape"] = filters["e"] = {Escape, ""};
  filters["filesizeformat"] = {FileSize, "binary"};
  filters["forceescape"] = {ForceEscape, ""};
  filters["format"] = {Format, "*"};
  filters["indent"] = {Indent, "width first blank"};
  filters["lower"] = {OfText<Lower>, ""};
  filters["replace"] = {ReplaceFilter, "old new count"};
  filters["safe"] = {[](Interpreter&, const Value& v, CallArgs&) { return Value::String(Str(v), true); }, ""};
  filters["string"] = {ToString, ""};
  filters["title"] = {OfText<TitleWords>, ""};
  filters["tojson"] = {ToJsonFilter, "ensure_ascii indent separators sort_keys"};
  filters["trim"] = {Trim, "chars"};
  filters["truncate"] = {Truncate, "length killwords end leeway"};
  filters["upper"] = {OfText<Upper>, ""};
  filters["urlencode"] = {UrlEncode, ""};
  filters["wordcount"] = {WordCount, ""};
}

}  // namespace strata::jinja
