// Python's two ways to format: "%5.1f" % x, and "{:>5}".format(x).
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/html.h"
#include "base/unicode.h"
#include "formats/jinja/interpreter.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

constexpr std::int64_t kMaxWidth = 10'000;  // of a field; far more than a prompt aligns by

/// What both ways can ask of a field.
struct Spec {
  std::u32string fill = U" ";
  char align = '\0';  ///< < > ^ =, or none given
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0, precision = -1;
  char grouping = '\0';
  char type = '\0';
};

std::int64_t Digits(std::string_view text, std::size_t& at) {
  std::int64_t number = -1;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    number = std::max<std::int64_t>(number, 0) * 10 + (text[at++] - '0');
    if (number > kMaxWidth) Raise("too many digits in a format");
  }
  return number;
}

std::string Pad(const Spec& spec, std::string text, char fallback) {
  const std::int64_t missing = spec.width - static_cast<std::int64_t>(CountCodePoints(text));
  if (missing <= 0) return text;
  const char align = spec.align != '\0' ? spec.align : fallback;
  const std::string fill = FromCodePoints(spec.fill);
  const auto times = [&](std::int64_t n) {
    std::string out;
    for (std::int64_t i = 0; i < n; ++i) out += fill;
    return out;
  };
  if (align == '<') return text + times(missing);
  if (align == '^') return times(missing / 2) + text + times(missing - missing / 2);
  if (align == '>') return times(missing) + text;
  // '=': between the sign or base and the digits
  std::size_t head = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
  const std::string_view after = std::string_view(text).substr(head);
  if (after.starts_with("0x") || after.starts_with("0X") || after.starts_with("0b") || after.starts_with("0o"))
    head += 2;
  return text.substr(0, head) + times(missing) + text.substr(head);
}

void Group(std::string& digits, char separator, std::size_t every) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  for (std::size_t at = whole; at > every;) {
    at -= every;
    digits.insert(at, 1, separator);
  }
}

std::string Signed(const Spec& spec, bool negative, const std::string& digits) {
  if (negative) return "-" + digits;
  return spec.sign == '-' ? digits : spec.sign + digits;
}

std::string Integer(const Spec& spec, std::int64_t value) {
  const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits;
  std::string base;
  switch (spec.type) {
    case 'x':
      digits = fmt::format("{:x}", magnitude), base = "0x";
      break;
    case 'X':
      digits = fmt::format("{:X}", magnitude), base = "0X";
      break;
    case 'o':
      digits = fmt::format("{:o}", magnitude), base = "0o";
      break;
    case 'b':
      digits = fmt::format("{:b}", magnitude), base = "0b";
      break;
    default:
      digits = std::to_string(magnitude);
  }
  if (spec.precision > static_cast<std::int64_t>(digits.size())) {
    digits.insert(0, static_cast<std::size_t>(spec.precision) - digits.size(), '0');
  }
  if (spec.grouping != '\0') Group(digits, spec.grouping, base.empty() ? 3 : 4);
  return Signed(spec, value < 0, (spec.alternate ? base : "") + digits);
}

std::string Real(const Spec& spec, double value) {
  char type = spec.type;
  const bool percent = type == '%';
  if (percent) value *= 100, type = 'f';
  std::string digits;
  if (!std::isfinite(value)) {
    digits = std::isnan(value) ? "nan" : "inf";
    if (type >= 'A' && type <= 'Z') digits = std::isnan(value) ? "NAN" : "INF";
  } else if (type == '\0' && spec.precision < 0) {
    digits = FloatRepr(std::fabs(value));
  } else {
    const int precision = static_cast<int>(spec.precision < 0 ? 6 : std::min<std::int64_t>(spec.precision, 300));
    char buffer[800];
    const char format[] = {'%', spec.alternate ? '#' : '-', '.', '*', type == '\0' ? 'g' : type, '\0'};
    std::snprintf(buffer, sizeof(buffer), format, precision, std::fabs(value));
    digits = buffer;
    if (type == '\0' && digits.find_first_of(".e") == digits.npos) digits += ".0";
  }
  if (spec.grouping != '\0') Group(digits, spec.grouping, 3);
  return Signed(spec, std::signbit(value) && !std::isnan(value), digits + (percent ? "%" : ""));
}

std::string Cut(std::string_view text, std::int64_t precision) {
  if (precision < 0) return std::string(text);
  return FromCodePoints(ToCodePoints(text).substr(0, static_cast<std::size_t>(precision)));
}

std::string Character(const Value& value) {
  if (value.IsString() && CountCodePoints(value.text()) == 1) return value.text();
  if (!value.IsIntegral() || value.integer() < 0 || value.integer() > 0x10FFFF) Raise("%c requires int or char");
  std::string out;
  AppendUtf8(out, static_cast<char32_t>(value.integer()));
  return out;
}

// ---- "%" -----------------------------------------------------------------------------------------------------------

class Percent {
 public:
  Percent(Interpreter& it, const Value& format, const Value& values)
      : it_(it), format_(format.text()), markup_(format.markup()) {
    if (values.Is(Kind::kSequence) && values.sequence().type == SequenceType::kTuple) {
      values_ = values.sequence().items;
    } else {
      values_ = {values};
      mapping_ = values.Is(Kind::kDict) ? &values_[0] : nullptr;
    }
  }

  std::string Run() {
    for (std::size_t at = 0; at < format_.size();) {
      const std::size_t sign = std::min(format_.find('%', at), format_.size());
      out_ += format_.substr(at, sign - at);
      at = sign < format_.size() ? Field(sign + 1) : sign;
      it_.CheckSize(out_.size());
    }
    // A mapping may go unused; "plain" % [] passes in Python too, but for a list that holds something.
    if (next_ < values_.size() && mapping_ == nullptr) Raise("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  const Value& Next() {
    if (next_ >= values_.size()) Raise("not enough arguments for format string");
    return values_[next_++];
  }

  std::int64_t Number(std::size_t& at) {
    if (at < format_.size() && format_[at] == '*') {
      ++at;
      const std::int64_t number = RequireInt(Next(), "*");
      if (number > kMaxWidth || number < -kMaxWidth) Raise("too wide a field");
      return number;
    }
    return Digits(format_, at);
  }

  std::size_t Field(std::size_t at) {
    const Value* named = nullptr;
    if (at < format_.size() && format_[at] == '(') {
      const std::size_t end = format_.find(')', at);
      if (end == format_.npos) Raise("incomplete format key");
      if (mapping_ == nullptr) Raise("format requires a mapping");
      const std::string key(format_.substr(at + 1, end - at - 1));
      named = mapping_->dict().Find(std::string_view(key));
      if (named == nullptr) Raise(fmt::format("no key '{}' for the format", key));
      at = end + 1;
    }
    Spec spec;
    for (; at < format_.size() && std::string_view("-+ #0").find(format_[at]) != std::string_view::npos; ++at) {
      switch (format_[at]) {
        case '-':
          spec.align = '<', spec.fill = U" ";
          break;
        case '0':
          if (spec.align != '<') spec.align = '=', spec.fill = U"0";
          break;
        case '#':
          spec.alternate = true;
          break;
        default:
          if (spec.sign != '+') spec.sign = format_[at];
      }
    }
    spec.width = Number(at);
    if (spec.width < -1) spec.align = '<', spec.fill = U" ", spec.width = -spec.width;
    if (at < format_.size() && format_[at] == '.') spec.precision = std::max<std::int64_t>(Number(++at), 0);
    while (at < format_.size() && (format_[at] == 'l' || format_[at] == 'h' || format_[at] == 'L')) ++at;
    if (at >= format_.size()) Raise("incomplete format");
    spec.type = format_[at++];
    if (spec.type == '%') {
      out_ += '%';
    } else {
      out_ += Convert(spec, named != nullptr ? *named : Next());
    }
    return at;
  }

  std::string Convert(Spec& spec, const Value& value) {
    const auto texts = [&](const std::string& text) {
      if (spec.align == '=') spec.align = '>', spec.fill = U" ";
      return Pad(spec, Cut(markup_ && !value.markup() ? EscapeHtml(text) : text, spec.precision), '>');
    };
    switch (spec.type) {
      case 's':
        return texts(Str(value));
      case 'r':
      case 'a': {
        std::string text;
        AppendRepr(text, value);
        return texts(text);
      }
      case 'c':
        return Pad(spec, Character(value), '>');
      case 'd':
      case 'i':
      case 'u': {
        RequireDefined(value);
        if (!value.IsNumber())
          Raise(fmt::format("%{} format: a number is required, not {}", spec.type, TypeName(value)));
        if (!(std::fabs(value.number()) < 9.3e18)) Raise("integer out of range");
        return Pad(
            spec, Integer(spec, value.IsIntegral() ? value.integer() : static_cast<std::int64_t>(value.number())), '>');
      }
      case 'x':
      case 'X':
      case 'o':
        return Pad(spec, Integer(spec, RequireInt(value, "the value of an integer format")), '>');
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        RequireDefined(value);
        if (!value.IsNumber()) Raise(fmt::format("must be real number, not {}", TypeName(value)));
        return Pad(spec, Real(spec, value.number()), '>');
      default:
        Raise(fmt::format("unsupported format character '{}'", spec.type));
    }
  }

  Interpreter& it_;
  std::string_view format_;
  bool markup_;
  std::vector<Value> values_;
  const Value* mapping_ = nullptr;
  std::size_t next_ = 0;
  std::string out_;
};

// ---- str.format ----------------------------------------------------------------------------------------------------

/// [[fill]align][sign][#][0][width][grouping][.precision][type], the format specification mini-language.
Spec ParseSpec(std::string_view text) {
  const std::u32string points = ToCodePoints(text);
  Spec spec;
  const auto is_align = [](char32_t c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  std::size_t skip = 0;
  if (points.size() > 1 && is_align(points[1])) {
    spec.fill = points.substr(0, 1);
    spec.align = static_cast<char>(points[1]);
    skip = 2;
  } else if (!points.empty() && is_align(points[0])) {
    spec.align = static_cast<char>(points[0]);
    skip = 1;
  }
  const std::string rest = FromCodePoints(std::u32string_view(points).substr(skip));
  std::size_t at = 0;
  const auto take = [&](std::string_view any) -> char {
    return at < rest.size() && any.find(rest[at]) != std::string_view::npos ? rest[at++] : '\0';
  };
  if (const char sign = take("+- ")) spec.sign = sign;
  spec.alternate = take("#") != '\0';
  if (take("0") != '\0' && spec.align == '\0') spec.align = '=', spec.fill = U"0";
  spec.width = std::max<std::int64_t>(Digits(rest, at), 0);
  spec.grouping = take(",_");
  if (take(".") != '\0') {
    spec.precision = Digits(rest, at);
    if (spec.precision < 0) Raise("Format specifier missing precision");
  }
  spec.type = take("bcdeEfFgGnosxX%");
  if (at != rest.size()) Raise(fmt::format("Invalid format specifier '{}'", text));
  return spec;
}

std::string FormatField(const Value& value, std::string_view text) {
  if (text.empty()) return Str(value);
  Spec spec = ParseSpec(text);
  if (value.IsString()) {
    if ((spec.type != '\0' && spec.type != 's') || spec.align == '=' || spec.sign != '-' || spec.grouping != '\0') {
      Raise(fmt::format("the format '{}' is not one of a string", text));
    }
    return Pad(spec, Cut(value.text(), spec.precision), '<');
  }
  if (!value.IsNumber()) Raise(fmt::format("unsupported format string passed to {}.__format__", TypeName(value)));
  const bool real = std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != '\0';
  if (spec.type == 'n') spec.type = value.IsIntegral() ? 'd' : 'g';
  if (spec.type == 's' || (value.Is(Kind::kFloat) && !real && spec.type != '\0' && spec.type != 'g')) {
    Raise(fmt::format("Unknown format code '{}' for object of type '{}'", spec.type, TypeName(value)));
  }
  if (spec.type == 'c') return Pad(spec, Character(value), '<');
  if (value.Is(Kind::kFloat) || real) return Pad(spec, Real(spec, value.number()), '>');
  if (spec.precision >= 0) Raise("Precision not allowed in integer format specifier");
  return Pad(spec, Integer(spec, value.integer()), '>');
}

class Braces {
 public:
  Braces(Interpreter& it, const CallArgs& args) : it_(it), args_(args) {}

  std::string Run(std::string_view format, int depth) {
    if (depth > 2) Raise("Max string recursion exceeded");
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
      const char c = format[i];
      if ((c == '{' || c == '}') && i + 1 < format.size() && format[i + 1] == c) {
        out += format[i++];
      } else if (c == '{') {
        const std::size_t end = Closing(format, i);
        out += Field(format.substr(i + 1, end - i - 1), depth);
        it_.CheckSize(out.size());
        i = end;
      } else if (c == '}') {
        Raise("Single '}' encountered in format string");
      } else {
        out += c;
      }
    }
    return out;
  }

 private:
  static std::size_t Closing(std::string_view format, std::size_t open) {
    int depth = 0;
    for (std::size_t i = open; i < format.size(); ++i) {
      depth += format[i] == '{' ? 1 : format[i] == '}' ? -1 : 0;
      if (depth == 0) return i;
    }
    Raise("expected '}' before end of string");
  }

  std::string Field(std::string_view field, int depth) {
    const std::size_t name_end = std::min(field.find_first_of("!:"), field.size());
    Value value = Lookup(field.substr(0, name_end));
    std::string_view rest = field.substr(name_end);
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':')) Raise("expected ':' after conversion specifier");
      std::string text;
      if (rest[1] == 's') {
        text = Str(value);
      } else if (rest[1] == 'r' || rest[1] == 'a') {
        AppendRepr(text, value);
      } else {
        Raise(fmt::format("Unknown conversion specifier {}", rest[1]));
      }
      value = Value::String(std::move(text));
      rest.remove_prefix(2);
    }
    return FormatField(value, rest.empty() ? "" : Run(rest.substr(1), depth + 1));
  }

  Value Lookup(std::string_view path) {
    const std::size_t first_end = std::min(path.find_first_of(".["), path.size());
    Value value = First(std::string(path.substr(0, first_end)));
    for (std::string_view rest = path.substr(first_end); !rest.empty();) {
      if (rest[0] == '.') {
        const std::size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
        value = it_.GetAttribute(value, std::string(rest.substr(1, end - 1)));
        rest.remove_prefix(end);
      } else {
        const std::size_t end = rest.find(']');
        if (end == rest.npos) Raise("Missing ']' in format string");
        const std::string key(rest.substr(1, end - 1));
        value = it_.GetItem(value, IsIndex(key) ? Value::Int(std::stoll(key)) : Value::String(key));
        rest.remove_prefix(end + 1);
      }
    }
    return value;
  }

  static bool IsIndex(std::string_view text) {
    return !text.empty() && text.size() < 10 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }

  Value First(const std::string& name) {
    if (name.empty() || IsIndex(name)) {
      const std::size_t index = name.empty() ? next_++ : std::stoul(name);
      if (index >= args_.positional.size()) Raise(fmt::format("no value for the field '{{{}}}'", name));
      return args_.positional[index];
    }
    for (const auto& [key, value] : args_.named) {
      if (key == name) return value;
    }
    Raise(fmt::format("no value for the field '{{{}}}'", name));
  }

  Interpreter& it_;
  const CallArgs& args_;
  std::size_t next_ = 0;
};

}  // namespace

Value PercentFormat(Interpreter& interpreter, const Value& format, const Value& values) {
  return interpreter.MakeString(Percent(interpreter, format, values).Run(), format.markup());
}

Value BraceFormat(Interpreter& interpreter, const Value& format, const CallArgs& args) {
  return interpreter.MakeString(Braces(interpreter, args).Run(format.text(), 0));
}

}  // namespace strata::jinja
