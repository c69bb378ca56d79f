#include "serve/tools/signature.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "serve/tools/tool.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 4;            // deeper objects are "object": a signature is to be short
constexpr std::size_t kMaxValues = 12;  // of an enum

std::string TextOf(const Json& object, const char* name) {
  const auto text = object.find(name);
  return text != object.end() && text->is_string() ? text->get<std::string>() : "";
}

bool IsRequired(const Json& schema, std::string_view name) {
  const auto required = schema.find("required");
  return required != schema.end() && required->is_array() &&
         std::ranges::any_of(*required, [&](const Json& one) { return one == name; });
}

/// The schema that a local "$ref" leads to, or the schema itself.
const Json& Followed(const Json& schema, const Json& root) {
  const std::string ref = schema.is_object() ? TextOf(schema, "$ref") : "";
  if (!ref.starts_with("#/")) return schema;
  const auto pointer = ref.substr(1);
  const Json* at = &root;
  for (std::size_t begin = 1; begin <= pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', begin), pointer.size());
    const auto member = at->is_object() ? at->find(pointer.substr(begin, end - begin)) : at->end();
    if (!at->is_object() || member == at->end()) return schema;
    at = &*member;
    begin = end + 1;
  }
  return *at;
}

class TypeWriter {
 public:
  explicit TypeWriter(const Json& root) : root_(root) {}

  std::string Write(const Json& raw, int depth = 0) const {
    const Json& schema = Followed(raw, root_);
    if (!schema.is_object()) return "any";
    if (const auto value = schema.find("const"); value != schema.end()) return SpacedJson(*value);
    if (const auto values = schema.find("enum"); values != schema.end() && values->is_array()) return Values(*values);
    for (const char* choice : {"anyOf", "oneOf"}) {
      const auto branches = schema.find(choice);
      if (branches != schema.end() && branches->is_array() && depth < kMaxDepth) return Branches(*branches, depth);
    }
    const auto type = schema.find("type");
    if (type == schema.end()) return schema.contains("properties") ? Object(schema, depth) : "any";
    if (!type->is_array()) return type->is_string() ? Named(schema, type->get<std::string>(), depth) : "any";
    std::string text;
    for (const Json& one : *type) {
      if (one.is_string()) text += (text.empty() ? "" : " | ") + Named(schema, one.get<std::string>(), depth);
    }
    return text;
  }

  /// "city: string, unit?: string"
  std::string Members(const Json& schema, int depth) const {
    std::string text;
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) return text;
    for (const auto& [name, property] : properties->items()) {
      text +=
          (text.empty() ? "" : ", ") + name + (IsRequired(schema, name) ? ": " : "?: ") + Write(property, depth + 1);
    }
    return text;
  }

 private:
  static std::string Values(const Json& values) {
    std::string text;
    for (std::size_t i = 0; i < std::min(values.size(), kMaxValues); ++i) {
      text += (i > 0 ? " | " : "") + SpacedJson(values[i]);
    }
    return values.size() > kMaxValues ? text + " | …" : text;
  }

  std::string Branches(const Json& branches, int depth) const {
    std::string text;
    for (const Json& branch : branches) text += (text.empty() ? "" : " | ") + Write(branch, depth + 1);
    return text;
  }

  std::string Named(const Json& schema, const std::string& type, int depth) const {
    if (type == "object") return Object(schema, depth);
    if (type != "array") return type;
    const auto items = schema.find("items");
    const std::string item = items != schema.end() && depth < kMaxDepth ? Write(*items, depth + 1) : "any";
    return item.contains(" | ") ? "(" + item + ")[]" : item + "[]";
  }

  std::string Object(const Json& schema, int depth) const {
    const std::string members = depth < kMaxDepth ? Members(schema, depth) : "";
    return members.empty() ? "object" : "{" + members + "}";
  }

  const Json& root_;
};

}  // namespace

std::string Signature(const Json& function) {
  const Json schema = function.value("parameters", Json::object());
  const TypeWriter types(schema);
  std::string text = TextOf(function, "name") + "(" + (schema.is_object() ? types.Members(schema, 0) : "") + ")";
  if (const std::string about = TextOf(function, "description"); !about.empty()) text += "\n  " + about;
  if (!schema.is_object() || !schema.value("properties", Json()).is_object()) return text;
  for (const auto& [name, property] : schema["properties"].items()) {
    const std::string about = property.is_object() ? TextOf(property, "description") : "";
    if (!about.empty()) text += "\n  " + name + ": " + about;
  }
  return text;
}

}  // namespace strata::serve::tools
