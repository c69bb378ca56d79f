#include "serve/tools/tool.h"

#include <algorithm>

#include <fmt/format.h>

#include "serve/tools/python_literal.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 16;  // of $refs and combinations; deeper schemas count as "any type"

std::uint8_t BitOfName(const std::string& name) {
  if (name == "string") return JsonTypes::kString;
  if (name == "number" || name == "integer") return JsonTypes::kNumber;
  if (name == "boolean") return JsonTypes::kBoolean;
  if (name == "null") return JsonTypes::kNull;
  if (name == "array") return JsonTypes::kArray;
  if (name == "object") return JsonTypes::kObject;
  return JsonTypes::kAll;
}

std::uint8_t BitOfValue(const Json& value) {
  switch (value.type()) {
    case Json::value_t::string:
      return JsonTypes::kString;
    case Json::value_t::boolean:
      return JsonTypes::kBoolean;
    case Json::value_t::null:
      return JsonTypes::kNull;
    case Json::value_t::array:
      return JsonTypes::kArray;
    case Json::value_t::object:
      return JsonTypes::kObject;
    default:
      return JsonTypes::kNumber;
  }
}

/// What a "#/..." points to; null when there is nothing.
const Json* Resolve(const std::string& ref, const Json& root) {
  if (!ref.starts_with('#')) return nullptr;
  const Json* at = &root;
  for (std::size_t begin = 1; begin < ref.size();) {
    const std::size_t end = std::min(ref.find('/', begin + 1), ref.size());
    const std::string key = ref.substr(begin + 1, end - begin - 1);
    const auto member = at->is_object() ? at->find(key) : at->end();
    if (!at->is_object() || member == at->end()) return nullptr;
    at = &*member;
    begin = end;
  }
  return at;
}

std::uint8_t Bits(const Json& schema, const Json& root, int depth) {
  if (!schema.is_object() || depth > kMaxDepth) return JsonTypes::kAll;
  std::uint8_t bits = JsonTypes::kAll;
  const auto any_of = [&](const Json& list, auto bit_of) {
    std::uint8_t united = 0;
    for (const Json& one : list) united = static_cast<std::uint8_t>(united | bit_of(one));
    if (!list.empty()) bits = bits & united;
  };
  const auto of_schema = [&](const Json& one) { return Bits(one, root, depth + 1); };
  for (const auto& [keyword, value] : schema.items()) {
    if (keyword == "type" && value.is_string()) {
      bits = bits & BitOfName(value.get<std::string>());
    } else if (keyword == "type" && value.is_array()) {
      any_of(value, [](const Json& name) { return name.is_string() ? BitOfName(name.get<std::string>()) : 0; });
    } else if (keyword == "enum" && value.is_array()) {
      any_of(value, BitOfValue);
    } else if (keyword == "const") {
      bits = bits & BitOfValue(value);
    } else if ((keyword == "anyOf" || keyword == "oneOf") && value.is_array()) {
      any_of(value, of_schema);
    } else if (keyword == "allOf" && value.is_array()) {
      for (const Json& one : value) bits = bits & of_schema(one);
    } else if (keyword == "$ref" && value.is_string()) {
      if (const Json* target = Resolve(value.get<std::string>(), root)) bits = bits & of_schema(*target);
    }
  }
  if (const auto nullable = schema.find("nullable"); nullable != schema.end() && *nullable == true) {
    bits = bits | JsonTypes::kNull;  // OpenAPI 3.0
  }
  return bits;
}

std::uint8_t BitOfText(std::string_view json) {
  switch (json.front()) {
    case '"':
      return JsonTypes::kString;
    case '{':
      return JsonTypes::kObject;
    case '[':
      return JsonTypes::kArray;
    case 't':
    case 'f':
      return JsonTypes::kBoolean;
    case 'n':
      return JsonTypes::kNull;
    default:
      return JsonTypes::kNumber;
  }
}

void AppendSpaced(const Json& value, std::string& out) {
  if (!value.is_structured() || value.empty()) {
    out += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  out += value.is_object() ? '{' : '[';
  bool first = true;
  for (const auto& [key, member] : value.items()) {
    if (!std::exchange(first, false)) out += ", ";
    if (value.is_object()) out += JsonString(key) + ": ";
    AppendSpaced(member, out);
  }
  out += value.is_object() ? '}' : ']';
}

}  // namespace

const Tool* ToolSet::Find(std::string_view name) const {
  const auto found = std::ranges::find(tools_, name, &Tool::name);
  return found == tools_.end() ? nullptr : &*found;
}

bool ToolChoice::Allows(std::string_view name) const {
  return allowed.empty() || std::ranges::find(allowed, name) != allowed.end();
}

JsonTypes TypesOf(const Json& schema, const Json& root) { return {.bits = Bits(schema, root, 0)}; }

const Json* ParameterSchema(const Tool& tool, std::string_view name) {
  if (!tool.parameters.is_object()) return nullptr;
  if (const auto properties = tool.parameters.find("properties");
      properties != tool.parameters.end() && properties->is_object()) {
    if (const auto property = properties->find(name); property != properties->end()) return &*property;
  }
  const auto others = tool.parameters.find("additionalProperties");
  return others != tool.parameters.end() && others->is_object() ? &*others : nullptr;
}

std::string JsonOfText(std::string_view text, JsonTypes types) {
  if (types.only(JsonTypes::kString)) return JsonString(text);
  std::string json = Trimmed(text);
  if (json == "True") json = "true";
  if (json == "False") json = "false";
  if (json == "None") json = "null";
  if (!json.empty() && types.has(BitOfText(json)) && Json::accept(json)) {
    if (json.front() != '"' || !types.has(JsonTypes::kString)) return json;
  }
  if (auto python = JsonOfPython(json); python && types.has(BitOfText(*python))) return *python;
  return JsonString(text);
}

std::string TextOfJson(const Json& value) { return value.is_string() ? value.get<std::string>() : SpacedJson(value); }

std::string SpacedJson(const Json& value) {
  std::string out;
  AppendSpaced(value, out);
  return out;
}

void AppendJsonEscaped(std::string_view text, std::string& out) {
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
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", c);
        } else {
          out += c;
        }
    }
  }
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  AppendJsonEscaped(text, out);
  return out + '"';
}

}  // namespace strata::serve::tools
