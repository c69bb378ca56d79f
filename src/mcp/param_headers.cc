#include "mcp/param_headers.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>

#include <openssl/evp.h>

#include "mcp/message.h"

namespace strata::mcp {
namespace {

constexpr const char* kAnnotation = "x-mcp-header";
constexpr std::string_view kEncodedBegin = "=?base64?", kEncodedEnd = "?=";
// Beyond these a double does not hold every integer, so a server in JavaScript could not compare.
constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;

std::string Base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // and the NUL that OpenSSL writes
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

class AnnotationChecker {
 public:
  /// `reachable`: only keys of "properties" led here.
  Status Check(const Json& schema, bool reachable) {
    if (schema.is_array()) {
      for (const Json& element : schema) STRATA_CHECK(Check(element, false));
    }
    if (!schema.is_object()) return {};
    if (const auto name = schema.find(kAnnotation); name != schema.end()) {
      STRATA_CHECK(CheckOne(*name, schema, reachable));
    }
    for (const auto& [keyword, value] : schema.items()) {
      if (IsMap(keyword) && value.is_object()) {
        for (const auto& [_, element] : value.items()) {
          STRATA_CHECK(Check(element, reachable && keyword == "properties"));
        }
      } else if (!IsData(keyword)) {
        STRATA_CHECK(Check(value, false));
      }
    }
    return {};
  }

 private:
  /// Their members are schemas, under names of the author's own.
  static bool IsMap(std::string_view keyword) {
    return keyword == "properties" || keyword == "patternProperties" || keyword == "$defs" ||
           keyword == "definitions" || keyword == "dependentSchemas";
  }

  /// Their values are instances, not schemas.
  static bool IsData(std::string_view keyword) {
    return keyword == "const" || keyword == "enum" || keyword == "default" || keyword == "examples";
  }

  Status CheckOne(const Json& name, const Json& schema, bool reachable) {
    if (!name.is_string() || !IsHeaderName(name.get_ref<const std::string&>())) {
      return Fail(ErrorCode::kCorrupt, "{} {} is no name of a header", kAnnotation, Excerpt(name.dump()));
    }
    const std::string& text = name.get_ref<const std::string&>();
    const auto type = schema.find("type");
    if (type == schema.end() || (*type != "string" && *type != "integer" && *type != "boolean")) {
      return Fail(ErrorCode::kCorrupt, "{} {} is not on a string, an integer or a boolean", kAnnotation, text);
    }
    if (!reachable) return Fail(ErrorCode::kCorrupt, "{} {} is not reached by properties alone", kAnnotation, text);
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!names_.insert(lower).second) return Fail(ErrorCode::kCorrupt, "{} {} is given twice", kAnnotation, text);
    return {};
  }

  std::set<std::string> names_;
};

void Collect(const Json& schema, const Json& value, Headers& headers) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object() || !value.is_object()) return;
  for (const auto& [key, property] : properties->items()) {
    const auto argument = value.find(key);
    if (argument == value.end() || !property.is_object()) continue;
    const auto name = property.find(kAnnotation);
    if (name == property.end()) {
      Collect(property, *argument, headers);
      continue;
    }
    std::string text;
    if (argument->is_string()) {
      text = argument->get<std::string>();
    } else if (argument->is_boolean()) {
      text = argument->get<bool>() ? "true" : "false";
    } else if (argument->is_number_unsigned() && *argument <= kMaxSafeInteger) {
      text = std::to_string(argument->get<std::uint64_t>());
    } else if (argument->is_number_integer() && *argument >= -kMaxSafeInteger && *argument <= kMaxSafeInteger) {
      text = std::to_string(argument->get<std::int64_t>());
    } else {
      continue;  // null, or a value that the schema does not permit: the server refuses that one by its body
    }
    headers.emplace_back("Mcp-Param-" + name->get<std::string>(), EncodeHeaderValue(text));
  }
}

}  // namespace

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c)));
  });
}

bool IsHeaderValue(std::string_view value) {
  return std::ranges::all_of(value, [](unsigned char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

std::string EncodeHeaderValue(std::string_view value) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool padded = !value.empty() && (is_blank(value.front()) || is_blank(value.back()));
  const bool looks_encoded = value.starts_with(kEncodedBegin) && value.ends_with(kEncodedEnd);
  if (IsHeaderValue(value) && !padded && !looks_encoded) return std::string(value);
  return std::string(kEncodedBegin) + Base64(value) + std::string(kEncodedEnd);
}

Status CheckParamHeaders(const Json& input_schema) { return AnnotationChecker().Check(input_schema, true); }

Headers ParamHeaders(const Json& input_schema, const Json& arguments) {
  Headers headers;
  Collect(input_schema, arguments, headers);
  return headers;
}

}  // namespace strata::mcp
