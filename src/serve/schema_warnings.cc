// SchemaWarnings: formats that are not held, texts without end.
#include <string_view>

#include <fmt/format.h>

#include "base/json_pointer.h"
#include "grammar/formats.h"
#include "serve/tool_check.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 100;  // what the server takes of a request's body

bool HasAny(const Json& schema, std::initializer_list<const char*> keywords) {
  for (const char* keyword : keywords) {
    if (schema.contains(keyword)) return true;
  }
  return false;
}

bool HasType(const Json& schema, const char* name) {
  const auto type = schema.find("type");
  if (type == schema.end()) return false;
  if (!type->is_array()) return *type == name;
  for (const Json& one : *type) {
    if (one == name) return true;
  }
  return false;
}

class Walk {
 public:
  std::vector<SchemaRemark> Run(const Json& schema) {
    Visit(schema, "", 0);
    Summarise(strings_, "has no maxLength, pattern, format or enum: its text may go on until max_tokens");
    Summarise(arrays_, "has no maxItems: it may go on until max_tokens");
    return std::move(remarks_);
  }

 private:
  struct Places {
    std::string first;
    int count = 0;
    void Add(const std::string& pointer) {
      if (count++ == 0) first = pointer;
    }
  };

  void Visit(const Json& schema, const std::string& pointer, int depth) {
    if (!schema.is_object() || depth > kMaxDepth) return;
    Format(schema, pointer);
    if (HasType(schema, "string") && !HasAny(schema, {"maxLength", "pattern", "format", "enum", "const"})) {
      strings_.Add(pointer);
    }
    if (HasType(schema, "array") && !HasAny(schema, {"maxItems", "enum", "const"})) arrays_.Add(pointer);
    for (const auto& [keyword, value] : schema.items()) {
      const std::string at = pointer + PointerToken(keyword);
      if (keyword == "properties" || keyword == "patternProperties" || keyword == "$defs" || keyword == "definitions" ||
          keyword == "dependentSchemas") {
        if (!value.is_object()) continue;
        for (const auto& [name, member] : value.items()) Visit(member, at + PointerToken(name), depth + 1);
      } else if (value.is_array() && (keyword == "anyOf" || keyword == "oneOf" || keyword == "allOf" ||
                                      keyword == "prefixItems" || keyword == "items")) {
        for (std::size_t i = 0; i < value.size(); ++i) Visit(value[i], fmt::format("{}/{}", at, i), depth + 1);
      } else if (keyword == "items" || keyword == "additionalProperties" || keyword == "contains" || keyword == "if" ||
                 keyword == "then" || keyword == "else") {
        Visit(value, at, depth + 1);
      }
    }
  }

  void Format(const Json& schema, const std::string& pointer) {
    const auto format = schema.find("format");
    if (format == schema.end() || !format->is_string()) return;
    const std::string name = format->get<std::string>();
    if (grammar::FormatRegex(regexes_, name) || grammar::IsDefinedButNotHeld(name)) return;  // held, or refused
    remarks_.push_back({pointer + "/format", fmt::format("the format {} is not held: it is an annotation", name)});
  }

  void Summarise(const Places& places, std::string_view what) {
    if (places.count == 0) return;
    const std::string others = places.count > 1 ? fmt::format(" (and {} more places)", places.count - 1) : "";
    remarks_.push_back({places.first, fmt::format("{}{}", what, others)});
  }

  grammar::RegexStore regexes_;
  std::vector<SchemaRemark> remarks_;
  Places strings_, arrays_;
};

}  // namespace

std::vector<SchemaRemark> SchemaWarnings(const Json& schema) { return Walk().Run(schema); }

}  // namespace strata::serve
