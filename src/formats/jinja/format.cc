// Values as text in other forms: JSON, "%s" % x, strftime.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "formats/jinja/interpreter.h"
#include "formats/jinja/text.h"

namespace strata::jinja {
namespace {

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void AppendJson(std::string& out, const Value& value, int indent, bool sort_keys, int level) {
  const auto separate = [&](bool first, int at) {
    if (!first) out += indent < 0 ? ", " : ",";
    if (indent >= 0) out += '\n' + std::string(static_cast<std::size_t>(indent * at), ' ');
  };
  switch (value.kind()) {
    case Kind::kNone:
      out += "null";
      return;
    case Kind::kBool:
      out += value.integer() != 0 ? "true" : "false";
      return;
    case Kind::kInt:
      out += std::to_string(value.integer());
      return;
    case Kind::kFloat:
      out += std::isnan(value.number())   ? "NaN"
             : std::isinf(value.number()) ? (value.number() > 0 ? "Infinity" : "-Infinity")
                                          : FloatRepr(value.number());
      return;
    case Kind::kString:
      AppendJsonString(out, value.text());
      return;
    case Kind::kSequence: {
      const auto& items = value.sequence().items;
      if (value.sequence().type != SequenceType::kList && value.sequence().type != SequenceType::kTuple) break;
      out += '[';
      for (std::size_t i = 0; i < items.size(); ++i) {
        separate(i == 0, level + 1);
        AppendJson(out, items[i], indent, sort_keys, level + 1);
      }
      if (!items.empty() && indent >= 0) out += '\n' + std::string(static_cast<std::size_t>(indent * level), ' ');
      out += ']';
      return;
    }
    case Kind::kDict: {
      auto items = value.dict().items;
      if (sort_keys) {
        std::ranges::stable_sort(items, [](const auto& a, const auto& b) { return Compare(a.first, b.first) < 0; });
      }
      out += '{';
      for (std::size_t i = 0; i < items.size(); ++i) {
        separate(i == 0, level + 1);
        if (items[i].first.IsString()) {
          AppendJsonString(out, items[i].first.text());
        } else {
          std::string key;
          AppendJson(key, items[i].first, indent, sort_keys, 0);
          AppendJsonString(out, key);
        }
        out += ": ";
        AppendJson(out, items[i].second, indent, sort_keys, level + 1);
      }
      if (!items.empty() && indent >= 0) out += '\n' + std::string(static_cast<std::size_t>(indent * level), ' ');
      out += '}';
      return;
    }
    default:
      break;
  }
  RequireDefined(value);
  Raise(fmt::format("Object of type {} is not JSON serializable", TypeName(value)));
}

}  // namespace

std::string ToJson(const Value& value, int indent, bool sort_keys) {
  std::string out;
  AppendJson(out, value, indent, sort_keys, 0);
  return out;
}

std::string PercentFormat(std::string_view format, const std::vector<Value>& values) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    std::size_t end = format.find_first_not_of("-+ 0123456789.", i + 1);
    if (end == format.npos) Raise("incomplete format");
    const char type = format[end];
    std::string spec(format.substr(i, end - i));
    i = end;
    if (type == '%') {
      out += '%';
      continue;
    }
    if (spec.size() > 8) Raise("format specification is too long");
    if (next >= values.size()) Raise("not enough arguments for format string");
    const Value& value = values[next++];
    char buffer[512];
    if (type == 's' || type == 'r') {
      std::string text;
      type == 's' ? AppendStr(text, value) : AppendRepr(text, value);
      out += text;
    } else if (type == 'd' || type == 'i' || type == 'x' || type == 'X') {
      if (!value.IsNumber()) Raise(fmt::format("%{} format: a number is required, not {}", type, TypeName(value)));
      std::snprintf(buffer, sizeof(buffer), (spec + "ll" + type).c_str(), static_cast<long long>(value.number()));
      out += buffer;
    } else if (type == 'f' || type == 'e' || type == 'g') {
      if (!value.IsNumber()) Raise("must be real number");
      std::snprintf(buffer, sizeof(buffer), (spec + type).c_str(), value.number());
      out += buffer;
    } else {
      Raise(fmt::format("unsupported format character '{}'", type));
    }
  }
  if (next < values.size()) Raise("not all arguments converted during string formatting");
  return out;
}

std::string StrfTime(const std::string& format, std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  if (format.empty()) return "";
  std::string out(format.size() * 16 + 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &parts));
  return out;
}

}  // namespace strata::jinja
