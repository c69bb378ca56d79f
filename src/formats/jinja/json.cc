#include "formats/jinja/json.h"

#include <algorithm>
#include <cmath>

#include "base/unicode.h"

namespace strata::jinja {
namespace {

class Writer {
 public:
  explicit Writer(const JsonOptions& options) : options_(options) {}

  void Append(const Value& value, std::size_t level) {
    switch (value.kind()) {
      case Kind::kString:
        String(value.text());
        return;
      case Kind::kSequence:
        if (value.sequence().type != SequenceType::kList && value.sequence().type != SequenceType::kTuple) break;
        List(value.sequence().items, level);
        return;
      case Kind::kDict:
        Dict(value.dict().items, level);
        return;
      default:
        if (!value.Is(Kind::kNone) && !value.IsNumber()) break;
        text += Scalar(value);
        return;
    }
    RequireDefined(value);
    Raise(fmt::format("Object of type {} is not JSON serializable", TypeName(value)));
  }

  std::string text;

 private:
  static std::string Scalar(const Value& value) {
    if (value.Is(Kind::kNone)) return "null";
    if (value.Is(Kind::kBool)) return value.integer() != 0 ? "true" : "false";
    if (value.Is(Kind::kInt)) return std::to_string(value.integer());
    if (std::isnan(value.number())) return "NaN";
    if (std::isinf(value.number())) return value.number() > 0 ? "Infinity" : "-Infinity";
    return FloatRepr(value.number());
  }

  void Break(std::size_t level) {
    if (!options_.indent) return;
    text += '\n';
    for (std::size_t i = 0; i < level; ++i) text += *options_.indent;
  }

  void List(const std::vector<Value>& items, std::size_t level) {
    text += '[';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text += options_.item_separator;
      Break(level + 1);
      Append(items[i], level + 1);
    }
    if (!items.empty()) Break(level);
    text += ']';
  }

  void Dict(std::vector<std::pair<Value, Value>> items, std::size_t level) {
    if (options_.sort_keys) {
      std::ranges::stable_sort(items, [](const auto& a, const auto& b) { return Compare(a.first, b.first) < 0; });
    }
    text += '{';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text += options_.item_separator;
      Break(level + 1);
      const Value& key = items[i].first;
      if (!key.IsString() && !key.Is(Kind::kNone) && !key.IsNumber()) {
        Raise(fmt::format("keys must be str, int, float, bool or None, not {}", TypeName(key)));
      }
      String(key.IsString() ? key.text() : Scalar(key));
      text += options_.key_separator;
      Append(items[i].second, level + 1);
    }
    if (!items.empty()) Break(level);
    text += '}';
  }

  void Escaped(char32_t c) {
    if (c >= 0x10000) {  // JSON's escapes are UTF-16
      Escaped(0xD800 + ((c - 0x10000) >> 10));
      Escaped(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
  }

  void String(std::string_view value) {
    static constexpr std::string_view kFrom = "\"\\\n\r\t\b\f", kTo = "\"\\nrtbf";
    text += '"';
    while (!value.empty()) {
      const DecodedCodePoint decoded = DecodeUtf8(value);
      const char32_t c = decoded.code_point;
      if (const std::size_t at = c < 0x80 ? kFrom.find(static_cast<char>(c)) : kFrom.npos; at != kFrom.npos) {
        text += '\\';
        text += kTo[at];
      } else if (c < 0x20 || (options_.ensure_ascii && c > 0x7E)) {
        Escaped(c);
      } else {
        text += value.substr(0, decoded.length);
      }
      value.remove_prefix(decoded.length);
    }
    text += '"';
  }

  const JsonOptions& options_;
};

}  // namespace

std::string ToJson(const Value& value, const JsonOptions& options) {
  Writer writer(options);
  writer.Append(value, 0);
  return std::move(writer.text);
}

}  // namespace strata::jinja
