// The functions that a request offers, and what it says about calling them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "grammar/format.h"

namespace strata::serve::tools {

struct Tool {
  std::string name;
  std::string description = {};
  nlohmann::ordered_json parameters = {};  ///< a JSON Schema of an object; null: the function takes none
  bool strict = false;                     ///< the client counts on arguments that fit the schema
  bool deferred = false;                   ///< the prompt need not carry it before the conversation speaks of it
  std::string parameters_path = {};        ///< where the request has them, for messages
  /// A custom tool, which takes one such text: its `parameters` have nothing but kCustomInput.
  std::optional<grammar::TextContent> input = {};
};

/// The tools of a request, in its order.
class ToolSet {
 public:
  explicit ToolSet(std::vector<Tool> tools) : tools_(std::move(tools)) {}

  const std::vector<Tool>& all() const { return tools_; }
  /// Null when there is none of this name.
  const Tool* Find(std::string_view name) const;

 private:
  std::vector<Tool> tools_;
};

struct ToolChoice {
  enum class Mode : std::uint8_t { kNone, kAuto, kRequired };
  Mode mode = Mode::kAuto;
  /// The tools that may be called; empty: all of them.
  std::vector<std::string> allowed = {};

  bool Allows(std::string_view name) const;
};

/// A complete call, for writing it into a prompt. `arguments` is an object.
struct ToolCall {
  std::string name;
  nlohmann::ordered_json arguments;
  std::string id = {};
};

/// Sets of JSON's types.
struct JsonTypes {
  static constexpr std::uint8_t kString = 1, kNumber = 2, kBoolean = 4, kNull = 8, kArray = 16, kObject = 32;
  static constexpr std::uint8_t kAll = 63;
  std::uint8_t bits = kAll;

  bool has(std::uint8_t type) const { return (bits & type) != 0; }
  bool only(std::uint8_t type) const { return bits == type; }
};

/// The types that values of a schema may have, as far as type, enum, const, anyOf, oneOf, allOf and local $refs tell.
/// `root` is where $refs point into.
JsonTypes TypesOf(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& root);

/// The schema of a parameter by its name: in properties, else additionalProperties; null where the tool says nothing of
/// it. The pointer lives as long as the tool.
const nlohmann::ordered_json* ParameterSchema(const Tool& tool, std::string_view name);

/// What a format that writes values as bare text means by `text`, as JSON: of the types that the schema allows the one
/// that it spells, else a string. Literals of Python count as well: models write them.
std::string JsonOfText(std::string_view text, JsonTypes types);

/// The inverse of JsonOfText: strings bare, everything else JSON.
std::string TextOfJson(const nlohmann::ordered_json& value);

/// JSON with ", " and ": ", as models have seen it (Python's json.dumps with ensure_ascii=False).
std::string SpacedJson(const nlohmann::ordered_json& value);

/// Appends `text` as the inside of a JSON string. Text may come in pieces, cut anywhere.
void AppendJsonEscaped(std::string_view text, std::string& out);
std::string JsonString(std::string_view text);

}  // namespace strata::serve::tools
