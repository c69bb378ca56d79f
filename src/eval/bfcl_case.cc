#include "eval/bfcl_case.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;

/// BFCL's names of types, as JSON Schema has them. What is in no list counts as a string, as in BFCL.
std::string SchemaType(const std::string& name) {
  static const std::map<std::string, std::string, std::less<>> types = {
      {"integer", "integer"}, {"byte", "integer"},    {"short", "integer"},   {"long", "integer"},
      {"Bigint", "integer"},  {"number", "number"},   {"float", "number"},    {"double", "number"},
      {"boolean", "boolean"}, {"bool", "boolean"},    {"Boolean", "boolean"}, {"array", "array"},
      {"list", "array"},      {"tuple", "array"},     {"Array", "array"},     {"ArrayList", "array"},
      {"Queue", "array"},     {"Stack", "array"},     {"dict", "object"},     {"object", "object"},
      {"HashMap", "object"},  {"Hashtable", "object"}};
  const auto found = types.find(name);
  return found == types.end() ? "string" : found->second;
}

Json SchemaOf(Json schema) {
  if (!schema.is_object()) return schema;
  if (const auto type = schema.find("type"); type != schema.end() && type->is_string()) {
    *type = SchemaType(type->get<std::string>());
  }
  if (const auto properties = schema.find("properties"); properties != schema.end() && properties->is_object()) {
    for (auto& [name, property] : properties->items()) property = SchemaOf(property);
  }
  if (const auto items = schema.find("items"); items != schema.end()) *items = SchemaOf(*items);
  return schema;
}

/// Every argument is source text of the language; its type goes into the description.
Json SourceTextSchema(const Json& parameters, std::string_view language) {
  Json schema = {{"type", "object"}, {"properties", Json::object()}};
  const Json properties = parameters.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    std::string type = property.value("type", "any");
    if (const auto items = property.find("items"); items != property.end()) {
      type += " of " + items->value("type", "any");
    }
    schema["properties"][name] = {
        {"type", "string"},
        {"description", fmt::format("{} A {} literal of type {}.", property.value("description", ""), language, type)}};
  }
  if (parameters.contains("required")) schema["required"] = parameters["required"];
  return schema;
}

/// "live_simple" of "live_simple_12-3-0".
std::string CategoryOf(const std::string& id) { return id.substr(0, id.rfind('_')); }

std::unexpected<Error> Bad(std::size_t line, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, "line {}: {}", line, what);
}

/// Calls `read` for every line that is not empty.
Status ForEachLine(std::string_view text, const std::function<Status(std::size_t number, const Json& line)>& read) {
  std::size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return Bad(number, "not a JSON object");
    if (!json.contains("id") || !json["id"].is_string()) return Bad(number, "id must be a string");
    STRATA_CHECK(read(number, json));
  }
  return {};
}

/// Irrelevance may offer none.
Status CheckFunctions(std::size_t line, const Json& functions, Expected expected) {
  if (!functions.is_array() || (functions.empty() && expected != Expected::kNoCall)) {
    return Bad(line, "function(s) must be an array, not empty");
  }
  for (const Json& function : functions) {
    if (!function.is_object() || !function.contains("name") || !function["name"].is_string() ||
        !function.value("parameters", Json()).is_object()) {
      return Bad(line, "a function needs a name and parameters");
    }
  }
  return {};
}

Status CheckGroundTruth(std::size_t line, const Json& calls) {
  if (!calls.is_array() || calls.empty()) return Bad(line, "the case has no ground_truth");
  for (const Json& call : calls) {
    if (!call.is_object() || call.size() != 1 || !call.front().is_object()) {
      return Bad(line, "ground_truth must be an array of {name: {parameter: [values]}}");
    }
    for (const Json& values : call.front()) {
      if (!values.is_array()) return Bad(line, "ground_truth must be an array of {name: {parameter: [values]}}");
    }
  }
  return {};
}

}  // namespace

Language BfclCase::language() const {
  if (category.contains("javascript")) return Language::kJavaScript;
  return category.contains("java") ? Language::kJava : Language::kPython;
}

Expected BfclCase::expected() const {
  if (category.contains("irrelevance")) return Expected::kNoCall;
  if (category.contains("relevance")) return Expected::kSomeCall;
  return category.contains("parallel") ? Expected::kAllCalls : Expected::kOneCall;
}

Result<BfclCases> ParseBfclCases(std::string_view questions, std::string_view answers) {
  std::map<std::string, Json> truths;
  STRATA_CHECK(ForEachLine(answers,
                           [&](std::size_t number, const Json& line) -> Status {
                             if (!line.contains("ground_truth")) return Bad(number, "ground_truth is missing");
                             truths[line["id"]] = line["ground_truth"];
                             return {};
                           }),
               "in the answers");
  BfclCases parsed;
  const auto read = [&](std::size_t number, const Json& line) -> Status {
    BfclCase test_case{.id = line["id"]};
    test_case.category = line.value("category", CategoryOf(test_case.id));
    const Json turns = line.value("question", Json());
    if (!turns.is_array() || turns.empty() || !turns[0].is_array() || turns[0].empty()) {
      return Bad(number, "question must be an array of turns, each an array of messages");
    }
    if (turns.size() > 1) {
      parsed.skipped.push_back(test_case.id);
      return {};
    }
    test_case.messages = turns[0];
    test_case.functions = line.value("functions", line.value("function", Json()));
    STRATA_CHECK(CheckFunctions(number, test_case.functions, test_case.expected()));
    const auto truth = truths.find(test_case.id);
    test_case.ground_truth = truth != truths.end() ? truth->second : line.value("ground_truth", Json());
    const Expected expected = test_case.expected();
    if (expected == Expected::kOneCall || expected == Expected::kAllCalls) {
      STRATA_CHECK(CheckGroundTruth(number, test_case.ground_truth));
    }
    parsed.cases.push_back(std::move(test_case));
    return {};
  };
  STRATA_CHECK(ForEachLine(questions, read));
  return parsed;
}

std::string ToolName(std::string_view function) {
  std::string name(function);
  std::ranges::replace(name, '.', '_');
  return name;
}

Json ToolsOf(const BfclCase& test_case, bool strict) {
  Json tools = Json::array();
  for (const Json& function : test_case.functions) {
    const Json& parameters = function["parameters"];
    Json described = {
        {"name", ToolName(function["name"].get<std::string>())},
        {"description", function.value("description", "")},
        {"parameters", test_case.language() == Language::kPython ? SchemaOf(parameters)
                       : test_case.language() == Language::kJava ? SourceTextSchema(parameters, "Java")
                                                                 : SourceTextSchema(parameters, "JavaScript")}};
    if (strict) described["strict"] = true;
    tools.push_back({{"type", "function"}, {"function", std::move(described)}});
  }
  return tools;
}

}  // namespace strata::eval
