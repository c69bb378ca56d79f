// Parameters as tags around bare text: Qwen3-Coder, GLM-4.5, MiniMax M2, DeepSeek V3.2, Kimi K3.
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "serve/tools/json_calls.h"
#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr std::size_t kMaxName = 256;
using Typed = TaggedParameters::Typed;

/// JSON's types but strings, by the names that calls have for them.
constexpr std::array<std::pair<std::uint8_t, const char*>, 5> kOtherTypes = {{{JsonTypes::kNumber, "number"},
                                                                              {JsonTypes::kBoolean, "boolean"},
                                                                              {JsonTypes::kNull, "null"},
                                                                              {JsonTypes::kArray, "array"},
                                                                              {JsonTypes::kObject, "object"}}};

std::string_view TypeName(const nlohmann::ordered_json& value) {
  return value.is_number() ? "number" : std::string_view(value.type_name());
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// A text as the value of an attribute, and back.
std::string Attribute(std::string text) {
  ReplaceAll(text, "&", "&amp;");
  ReplaceAll(text, "\"", "&quot;");
  return text;
}
std::string TextOfAttribute(std::string text) {
  ReplaceAll(text, "&quot;", "\"");
  ReplaceAll(text, "&amp;", "&");
  return text;
}

std::vector<std::string> Openings(const TaggedParameters& table) {
  std::vector<std::string> openings = {table.call_begin};
  openings.insert(openings.end(), table.sections.begin(), table.sections.end());
  return openings;
}

/// Writes the arguments' JSON while the parameters come.
class ArgumentsWriter {
 public:
  ArgumentsWriter(Session& session, std::string_view name) : session_(session), tool_(session.Find(name)) {}

  void Key(std::string_view key) {
    session_.emitter.Arguments((std::exchange(any_, true) ? ", " : "{") + JsonString(key) + ": ");
    const nlohmann::ordered_json* schema = tool_ != nullptr ? ParameterSchema(*tool_, key) : nullptr;
    types_ = schema != nullptr ? TypesOf(*schema, tool_->parameters) : JsonTypes{.bits = JsonTypes::kString};
  }
  /// The call itself says what the value is.
  void SetString(bool string) { types_.bits = string ? JsonTypes::kString : JsonTypes::kAll ^ JsonTypes::kString; }

  /// A string goes on as it comes; what else a text may be is known at its end.
  void BeginValue() {
    text_.clear();
    if (streams()) session_.emitter.Arguments("\"");
  }
  void Value(std::string_view piece) {
    if (!streams()) {
      text_ += piece;
      return;
    }
    std::string escaped;
    AppendJsonEscaped(piece, escaped);
    session_.emitter.Arguments(escaped);
  }
  void EndValue() { session_.emitter.Arguments(streams() ? "\"" : JsonOfText(text_, types_)); }
  /// The text was cut off in the value.
  void CutValue() {
    if (!streams()) session_.emitter.Arguments(Trimmed(text_));
  }

  void End() {
    if (any_) session_.emitter.Arguments("}");
  }

 private:
  bool streams() const { return types_.only(JsonTypes::kString); }

  Session& session_;
  const Tool* tool_;
  JsonTypes types_;
  std::string text_;
  bool any_ = false;
};

class TaggedParametersFormat : public WireFormat {
 public:
  explicit TaggedParametersFormat(TaggedParameters table)
      : WireFormat(table.layout, Openings(table)), table_(std::move(table)) {}

  std::vector<std::string> Markers() const override {
    std::vector<std::string> markers = openings();
    markers.insert(markers.end(), table_.section_ends.begin(), table_.section_ends.end());
    for (const std::string* text : {&table_.head_end, &table_.key_begin, &table_.key_end, &table_.value_begin,
                                    &table_.value_end, &table_.call_end}) {
      if (!text->empty()) markers.push_back(Trimmed(*text));
    }
    return markers;
  }

 protected:
  Parse<> ReadCalls(Session& session, std::size_t opening) const override {
    bool any = opening == 0;
    if (any && !co_await ReadCall(session)) co_return;
    std::vector<std::string> next = table_.section_ends;
    next.insert(next.begin(), table_.call_begin);
    while (!session.done() && !table_.sections.empty()) {
      co_await SkipSpace(session.input);
      const auto found = co_await TakeOneOf(session.input, next);
      if (!found) {
        if (any && co_await session.input.Peek() == Input::kEnd) session.Understood();  // cut off in a marker
        co_return;
      }
      if (any && *found > 0) session.Understood();
      if (*found > 0 || !co_await ReadCall(session)) co_return;
      any = true;
    }
  }

  std::string RenderCall(const ToolCall& call, std::size_t index) const override {
    std::string text = Begin(call.name, std::to_string(index + 1));
    for (const auto& [key, value] : call.arguments.items()) {
      const std::string space = table_.lines ? "\n" : "";
      text += KeyBegin(key) + KeyEnd(TypeName(value)) + space + TextOfJson(value) + space + table_.value_end + Gap();
    }
    return text + table_.call_end;
  }

  grammar::Format CallFormat(const Tool& tool) const override {
    const std::vector<Parameter> parameters = ParametersOf(tool);
    grammar::Format list = ParameterList(parameters, "", [&](const Parameter& one) { return ValueFormat(tool, one); });
    if (table_.head_end.empty()) return Sequence({Text(Begin(tool.name, "")), std::move(list), Text(table_.call_end)});
    return Sequence({Text(table_.call_begin + tool.name + table_.name_end),
                     {.value = grammar::PatternFormat{"[0-9]{1,4}"}},
                     Text(table_.head_end),
                     std::move(list),
                     Text(table_.call_end)});
  }

 private:
  std::string Gap() const { return table_.tight ? "" : "\n"; }
  std::string Begin(const std::string& name, const std::string& number) const {
    if (!table_.head_end.empty()) return table_.call_begin + name + table_.name_end + number + table_.head_end;
    return table_.call_begin + name + table_.name_end + (table_.name_end == "\n" ? "" : "\n");
  }
  std::string KeyBegin(const std::string& key) const {
    return table_.key_begin + (table_.typed == Typed::kName ? Attribute(key) : key);
  }
  std::string KeyEnd(std::string_view type) const {
    switch (table_.typed) {
      case Typed::kNo:
        return table_.key_end + table_.value_begin;
      case Typed::kString:
        return table_.key_end + (type == "string" ? " string=\"true\">" : " string=\"false\">");
      case Typed::kName:
        break;
    }
    return fmt::format("{} type=\"{}\"{}", table_.key_end, type, table_.value_begin);
  }

  /// A parameter from key_begin to the line's end.
  grammar::Format ValueFormat(const Tool& tool, const Parameter& parameter) const {
    const nlohmann::ordered_json schema = ParameterSchemaAlone(tool, parameter.name);
    const JsonTypes types = TypesOf(schema, tool.parameters);
    const std::string space = table_.lines ? "\n" : "";
    const auto tagged = [&](std::string_view type, grammar::Format value) {
      return Sequence({Text(KeyBegin(parameter.name) + KeyEnd(type) + space), std::move(value),
                       Text(space + table_.value_end + Gap())});
    };
    if (tool.input) return tagged("string", BareInput(tool, table_.value_end));
    grammar::Formats alternatives;
    if (types.has(JsonTypes::kString)) alternatives.push_back(tagged("string", StringFormat(schema)));
    if (table_.typed == Typed::kName) {
      for (const auto& [type, name] : kOtherTypes) {
        if (!types.has(type)) continue;
        const auto one = types.only(type) ? schema : Narrowed(schema, {{"type", name}});
        alternatives.push_back(tagged(name, Json(one)));
      }
    } else if (!types.only(JsonTypes::kString)) {
      alternatives.push_back(tagged("", Json(types.has(JsonTypes::kString) ? Narrowed(schema, kNoString) : schema)));
    }
    return Choice(std::move(alternatives));
  }

  /// What both schemas allow.
  static nlohmann::ordered_json Narrowed(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& to) {
    nlohmann::ordered_json both = {{"allOf", nlohmann::ordered_json::array({schema, to})}};
    for (const char* definitions : {"$defs", "definitions"}) {
      if (schema.contains(definitions)) both[definitions] = schema[definitions];
    }
    return both;
  }

  /// Bare text cannot be held to more of a schema than its enum.
  grammar::Format StringFormat(const nlohmann::ordered_json& schema) const {
    grammar::Formats texts;
    if (schema.contains("const") && schema["const"].is_string()) texts.push_back(Text(schema["const"]));
    if (schema.contains("enum") && schema["enum"].is_array()) {
      for (const auto& value : schema["enum"]) {
        if (value.is_string()) texts.push_back(Text(value));
      }
    }
    return texts.empty() ? Free({table_.value_end}) : Choice(std::move(texts));
  }

  /// Behind call_begin. Whether it was a whole call.
  Parse<bool> ReadCall(Session& session) const {
    Input& input = session.input;
    enum : std::size_t { kName, kCall, kKey };  // what has ended, or begun, behind the name
    std::vector<std::string> ends = {table_.name_end};
    if (table_.name_end == "\n") ends.insert(ends.end(), {table_.call_end, table_.key_begin});
    co_await SkipSpace(input);
    auto head = co_await ReadSegment(input, std::move(ends), kMaxName);
    if (!head) co_return false;
    const std::string name = Trimmed(head->text);
    if (!session.IsName(name, true)) co_return false;
    if (!table_.head_end.empty() && !co_await ReadSegment(input, {table_.head_end}, kMaxName)) co_return false;
    session.BeginCall(name);
    ArgumentsWriter arguments(session, name);
    std::vector<std::string> tags = {table_.key_begin, table_.call_end, table_.value_end};
    if (!table_.json_begin.empty()) tags.push_back(table_.json_begin);
    for (std::size_t at = head->end; at != kCall; at = kName) {
      if (at == kName) {
        co_await SkipSpace(input);
        // A closing tag that comes twice is a common slip.
        const auto next = co_await TakeOneOf(input, tags);
        if (!next && co_await input.Peek() == Input::kEnd) co_return false;
        if (!next || *next == 1) break;
        if (*next == 2) continue;
        if (*next == 3) {
          if (BeginsArguments(co_await SkipSpace(input))) co_await ReadArguments(session);
          if (!co_await TakeLiteral(input, table_.json_end)) break;
          continue;
        }
      }
      if (!co_await ReadParameter(input, arguments)) co_return false;
    }
    arguments.End();
    session.EndCall();
    co_return true;
  }

  /// Behind key_begin. False when the text ends in it.
  Parse<bool> ReadParameter(Input& input, ArgumentsWriter& arguments) const {
    const auto key = co_await ReadSegment(input, {table_.key_end}, kMaxName);
    if (!key) co_return false;
    arguments.Key(table_.typed == Typed::kName ? TextOfAttribute(key->text) : Trimmed(key->text));
    if (table_.typed != Typed::kNo) {
      const bool named = table_.typed == Typed::kName;
      const auto attributes = co_await ReadSegment(input, {named ? table_.value_begin : ">"}, kMaxName);
      if (!attributes) co_return false;
      arguments.SetString(named ? attributes->text.contains("\"string\"") : !attributes->text.contains("false"));
    } else if (!table_.value_begin.empty()) {
      co_await SkipSpace(input);
      co_await TakeLiteral(input, Trimmed(table_.value_begin));
    }
    if (table_.lines && co_await input.Peek() == '\n') input.Take();
    arguments.BeginValue();
    std::vector<std::string> ends = {table_.value_end};
    if (table_.lines) ends.push_back("\n" + table_.value_end);
    MarkerScanner scanner(std::move(ends));
    const auto end = co_await ReadUntil(input, scanner, [&](std::string_view piece) { arguments.Value(piece); });
    if (end) {
      arguments.EndValue();
    } else {
      arguments.CutValue();
    }
    co_return end.has_value();
  }

  inline static const nlohmann::ordered_json kNoString = {
      {"type", nlohmann::ordered_json::array({"number", "boolean", "null", "array", "object"})}};

  const TaggedParameters table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakeTaggedParameters(TaggedParameters table) {
  return std::make_unique<TaggedParametersFormat>(std::move(table));
}

}  // namespace strata::serve::tools
