// What constrains the answer's text: OpenAI's response_format, vLLM's structured_outputs and guided_*, llama.cpp's
// grammar and json_schema. One of them at most.
#include "serve/request_fields.h"

namespace strata::serve {
namespace {

using R = GenerateRequest;
using grammar::Format;

Status Constrain(R& r, const std::string& path, Format format) {
  if (r.constraint) return BadField(path, "the answer is constrained by {} already", r.constraint_param);
  r.constraint = std::move(format);
  r.constraint_param = path;
  return {};
}

Status ConstrainByPattern(const Json& value, const std::string& path, R& r) {
  std::string pattern;
  STRATA_CHECK(ReadString(value, path, pattern));
  return Constrain(r, path, {grammar::PatternFormat{std::move(pattern)}});
}

Status ConstrainByChoice(const Json& value, const std::string& path, R& r) {
  if (!value.is_array() || value.empty()) return BadField(path, "must be an array of strings, not empty");
  grammar::ChoiceFormat choice;
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string text;
    STRATA_CHECK(ReadString(value[i], fmt::format("{}[{}]", path, i), text));
    choice.alternatives.push_back({grammar::TextFormat{std::move(text)}});
  }
  return Constrain(r, path, {std::move(choice)});
}

/// GBNF's rules have "::=", Lark's ":".
Status ConstrainByGrammar(const Json& value, const std::string& path, R& r) {
  std::string text;
  STRATA_CHECK(ReadString(value, path, text));
  if (text.find("::=") != std::string::npos) return Constrain(r, path, {grammar::GbnfFormat{std::move(text)}});
  return Constrain(r, path, {grammar::LarkFormat{std::move(text)}});
}

Status ConstrainByTag(const Json& value, const std::string& path, R& r) {
  auto format = grammar::ParseStructuralTag(value);
  if (!format) {
    return std::unexpected(Error(format.error().code(), path + format.error().ToString()).WithParam(path));
  }
  return Constrain(r, path, std::move(*format));
}

Status ReadResponseFormat(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  const std::string type = value.contains("type") && value["type"].is_string() ? value["type"].get<std::string>() : "";
  if (type == "text") return {};
  if (type == "json_object") {
    // llama.cpp's form of a schema.
    if (value.contains("schema")) return ConstrainBySchema(value["schema"], path + ".schema", r);
    return ConstrainToObject(path, r);
  }
  if (type == "json_schema") {
    const std::string inner = path + ".json_schema";
    if (!value.contains("json_schema") || !value["json_schema"].is_object())
      return BadField(inner, "must be an object");
    const Json& wrapper = value["json_schema"];
    // A schema may be left out: then any object is meant.
    if (!wrapper.contains("schema") || wrapper["schema"].is_null()) return ConstrainToObject(inner, r);
    return ConstrainBySchema(wrapper["schema"], inner + ".schema", r);
  }
  if (type == "structural_tag") return ConstrainByTag(value, path, r);
  return BadField(path + ".type", "must be text, json_object, json_schema or structural_tag");
}

Status ReadStructuredOutputs(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  for (const auto& [name, inner] : value.items()) {
    if (inner.is_null() || inner == Json(false)) continue;
    const std::string inner_path = path + "." + name.substr(0, 100);
    if (name == "json") {
      STRATA_CHECK(ConstrainBySchema(inner, inner_path, r));
    } else if (name == "regex") {
      STRATA_CHECK(ConstrainByPattern(inner, inner_path, r));
    } else if (name == "choice") {
      STRATA_CHECK(ConstrainByChoice(inner, inner_path, r));
    } else if (name == "grammar") {
      STRATA_CHECK(ConstrainByGrammar(inner, inner_path, r));
    } else if (name == "json_object") {
      if (inner != Json(true)) return BadField(inner_path, "must be a boolean");
      STRATA_CHECK(ConstrainToObject(inner_path, r));
    } else if (name == "structural_tag") {
      const Json tag = inner.is_string() ? Json::parse(inner.get<std::string>(), nullptr, false) : inner;
      STRATA_CHECK(ConstrainByTag(tag, inner_path, r));
    } else {
      return BadField(inner_path, "unknown field");
    }
  }
  if (!r.constraint)
    return BadField(path, "must have one of json, regex, choice, grammar, json_object, structural_tag");
  return {};
}

}  // namespace

/// A schema as JSON, or as a string of JSON (vLLM takes both).
Status ConstrainBySchema(const Json& value, const std::string& path, R& r) {
  if (value.is_string()) {
    const Json parsed = Json::parse(value.get<std::string>(), nullptr, false);
    if (parsed.is_discarded()) return BadField(path, "is not JSON");
    return Constrain(r, path, {grammar::JsonFormat{parsed, {}}});
  }
  if (!value.is_object() && !value.is_boolean()) return BadField(path, "must be a JSON Schema");
  return Constrain(r, path, {grammar::JsonFormat{value, {}}});
}

Status ConstrainToObject(const std::string& path, R& r) {
  return Constrain(r, path, {grammar::JsonFormat{{{"type", "object"}}, {}}});
}

void AppendConstraintFields(std::vector<Field<R>>& t) {
  t.push_back({"response_format", ReadResponseFormat});
  t.push_back({"structured_outputs", ReadStructuredOutputs});
  t.push_back({"guided_json", ConstrainBySchema});
  t.push_back({"guided_regex", ConstrainByPattern});
  t.push_back({"guided_choice", ConstrainByChoice});
  t.push_back({"guided_grammar", ConstrainByGrammar});
  t.push_back({"json_schema", ConstrainBySchema});
  t.push_back({"grammar", ConstrainByGrammar});
}

}  // namespace strata::serve
