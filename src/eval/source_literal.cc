#include "eval/source_literal.h"

#include <charconv>
#include <optional>
#include <regex>
#include <string_view>
#include <vector>

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;

/// std::regex recurses once a character; and no literal of a case is anywhere near this.
constexpr std::size_t kMaxLiteral = 4096;

bool Matches(const std::string& text, const std::regex& pattern) { return std::regex_match(text, pattern); }

std::string Stripped(std::string_view text, std::string_view characters = " \t\r\n\f\v") {
  const std::size_t begin = text.find_first_not_of(characters);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(characters) - begin + 1));
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(Stripped(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

/// The number that the whole text is, in Python's eyes; nothing where it is none.
std::optional<Json> Number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, integer); read.ec == std::errc() && read.ptr == end) {
    return integer;
  }
  double real = 0;
  if (const auto read = std::from_chars(text.data(), end, real); read.ec == std::errc() && read.ptr == end) {
    return real;
  }
  return std::nullopt;
}

double Real(std::string_view text) { return Number(text).value_or(0).get<double>(); }

bool IsQuoted(std::string_view text, char quote) {
  return text.size() >= 2 && text.front() == quote && text.back() == quote;
}

std::string WithoutEnds(std::string_view text) {
  return text.size() < 2 ? std::string() : std::string(text.substr(1, text.size() - 2));
}

/// Java

Json JavaValue(const std::string& text, const std::string& type, const std::string& element);

/// A value whose type nobody told.
Json UntypedJava(const std::string& text) {
  static const std::regex whole_long("-?\\d+[lL]");
  static const std::regex real("-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?[fF]");
  if (text == "true" || text == "false") return text == "true";
  if (IsQuoted(text, '"')) return WithoutEnds(text);
  if (Matches(text, whole_long)) return Number(text.substr(0, text.size() - 1)).value_or(text);
  if (Matches(text, real)) return Real(text.substr(0, text.size() - 1));
  return Number(text).value_or(text);
}

Json JavaElement(const std::string& text, const std::string& type) {
  if (type == "char" || type == "String") return WithoutEnds(text);
  return JavaValue(text, type, "");
}

Json JavaArrayList(const std::string& text, const std::string& element) {
  static const std::regex as_list("new\\s+ArrayList<\\w*>\\(Arrays\\.asList\\((.+?)\\)\\)");
  static const std::regex adds("new\\s+ArrayList<\\w*>\\(\\)\\s*\\{\\{\\s*([\\s\\S]+?)\\s*\\}\\}");
  static const std::regex add("add\\((.+?)\\)");
  static const std::regex empty("new\\s+ArrayList<\\w*>\\(\\)");
  Json list = Json::array();
  std::smatch found;
  if (std::regex_search(text, found, as_list)) {
    for (const std::string& part : SplitAtCommas(found[1].str())) list.push_back(JavaElement(part, element));
    return list;
  }
  if (std::regex_search(text, found, adds)) {
    const std::string body = found[1];
    for (std::sregex_iterator at(body.begin(), body.end(), add), end; at != end; ++at) {
      list.push_back(JavaElement(Stripped((*at)[1].str()), element));
    }
    return list;
  }
  return std::regex_search(text, empty) ? list : Json(text);
}

Json JavaArray(const std::string& text, const std::string& element) {
  static const std::regex array("new\\s+\\w+\\[\\]\\s*\\{(.*?)\\}");
  std::smatch found;
  if (!std::regex_search(text, found, array)) return text;
  Json list = Json::array();
  for (const std::string& part : SplitAtCommas(found[1].str())) {
    if (!part.empty()) list.push_back(JavaValue(part, element, ""));
  }
  return list;
}

Json JavaHashMap(const std::string& text) {
  static const std::regex filled("new\\s+HashMap<.*?>\\s*\\(\\)\\s*\\{\\s*\\{?\\s*([\\s\\S]*?)\\s*\\}?\\s*\\}");
  static const std::regex put("put\\(\"(.*?)\",\\s*(.*?)\\)");
  static const std::regex empty("new\\s+HashMap<.*?>\\s*\\(\\)");
  Json map = Json::object();
  std::smatch found;
  if (std::regex_search(text, found, filled)) {
    const std::string body = found[1];
    for (std::sregex_iterator at(body.begin(), body.end(), put), end; at != end; ++at) {
      map[(*at)[1].str()] = UntypedJava(Stripped((*at)[2].str()));
    }
    return map;
  }
  return std::regex_search(text, empty) ? map : Json(text);
}

Json JavaValue(const std::string& text, const std::string& type, const std::string& element) {
  static const std::regex integer("-?\\d+"), whole_long("-?\\d+[lL]");
  static const std::regex single("-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?[fF]"), real("-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?");
  const std::string but_last = text.substr(0, text.empty() ? 0 : text.size() - 1);
  if (type == "byte" || type == "short" || type == "integer") {
    return Matches(text, integer) ? Number(text).value_or(text) : Json(text);
  }
  if (type == "long") return Matches(text, whole_long) ? Number(but_last).value_or(text) : Json(text);
  if (type == "float") return Matches(text, single) ? Json(Real(but_last)) : Json(text);
  if (type == "double") return Matches(text, real) ? Json(Real(text)) : Json(text);
  if (type == "boolean") return text == "true" || text == "false" ? Json(text == "true") : Json(text);
  if (type == "ArrayList") return JavaArrayList(text, element);
  if (type == "Array") return JavaArray(text, element);
  if (type == "HashMap") return JavaHashMap(text);
  return text;
}

/// JavaScript

Json UntypedJavaScript(const std::string& raw) {
  const std::string text = Stripped(raw);
  if (text == "true" || text == "false") return text == "true";
  if (IsQuoted(text, '"') || IsQuoted(text, '\'')) return WithoutEnds(text);
  return Number(text).value_or(text);
}

Json JavaScriptValue(const std::string& text, const std::string& type, const std::string& element);

Json JavaScriptArray(const std::string& raw, const std::string& element) {
  static const std::regex nested(
      "^(\\[\\s*\\[.*?\\]\\s*(,\\s*\\[.*?\\]\\s*)*\\]|new\\s+Array\\(\\s*\\[.*?\\]\\s*(,\\s*\\[.*?\\]\\s*)*\\))");
  static const std::regex inner("\\[(.*?)\\]");
  static const std::regex flat("^(?:\\[(.*?)\\]|new\\s+Array\\((.*?)\\))");
  const std::string text = Stripped(raw);
  Json list = Json::array();
  std::smatch found;
  if (std::regex_search(text, found, nested)) {
    const std::string rows = found[0];
    for (std::sregex_iterator at(rows.begin(), rows.end(), inner), end; at != end; ++at) {
      std::string row = Stripped((*at)[1].str());
      if (list.empty() && row.starts_with('[')) row.erase(0, 1);
      Json values = Json::array();
      for (const std::string& part : SplitAtCommas(row)) values.push_back(UntypedJavaScript(part));
      list.push_back(std::move(values));
    }
    return list;
  }
  if (!std::regex_search(text, found, flat)) return text;
  const std::string body = Stripped(found[1].matched ? found[1].str() : found[2].str());
  if (body.empty()) return list;
  for (const std::string& part : SplitAtCommas(body)) {
    list.push_back(element.empty() ? UntypedJavaScript(part) : JavaScriptValue(part, element, ""));
  }
  return list;
}

Json JavaScriptObject(const std::string& raw) {
  static const std::regex braces("^\\{(.*?)\\}");
  static const std::regex member("([^:]+):\\s*(.*?)(?:,\\s*(?=[^,]+:)|$)");
  const std::string text = Stripped(raw);
  Json object = Json::object();
  if (text == "{}") return object;
  std::smatch found;
  if (!std::regex_search(text, found, braces)) return text;
  const std::string body = found[1];
  for (std::sregex_iterator at(body.begin(), body.end(), member), end; at != end; ++at) {
    const std::string key = Stripped(Stripped((*at)[1].str()), "'\"");
    const std::string value = Stripped((*at)[2].str());
    if (value.starts_with('[') && value.ends_with(']')) {
      object[key] = JavaScriptArray(value, "");
    } else if (value.starts_with('{') && value.ends_with('}')) {
      object[key] = JavaScriptObject(value);
    } else {
      object[key] = UntypedJavaScript(Stripped(value, "'\""));
    }
  }
  return object;
}

Json JavaScriptValue(const std::string& text, const std::string& type, const std::string& element) {
  static const std::regex integer("-?\\d+"), real("-?\\d+(\\.\\d+)?"), big("-?\\d+n");
  if (type == "String") return IsQuoted(text, '"') || IsQuoted(text, '\'') ? Json(WithoutEnds(text)) : Json(text);
  if (type == "integer") return Matches(text, integer) ? Number(text).value_or(text) : Json(text);
  if (type == "float") return Matches(text, real) ? Json(Real(text)) : Json(text);
  if (type == "Bigint") return Matches(text, big) ? Number(text.substr(0, text.size() - 1)).value_or(text) : Json(text);
  if (type == "Boolean") return text == "true" || text == "false" ? Json(text == "true") : Json(text);
  if (type == "array") return JavaScriptArray(text, element);
  if (type == "dict") return JavaScriptObject(text);
  return text;
}

}  // namespace

Json ReadSourceLiteral(Language language, const std::string& text, const std::string& type,
                       const std::string& element) {
  if (text.size() > kMaxLiteral) return text;
  return language == Language::kJava ? JavaValue(text, type, element) : JavaScriptValue(text, type, element);
}

}  // namespace strata::eval
