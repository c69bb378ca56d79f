// call:f{a:<escape>x<escape>,b:[1,true]}: FunctionGemma and Gemma 4, which differ in their marks only.
#include <algorithm>
#include <utility>

#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxKey = 4096;

/// Values in Gemma's notation, turned into JSON while they are read.
class GemmaValue {
 public:
  GemmaValue(Input& input, const std::string& quote, Sink json)
      : input_(input), quote_(quote), json_(std::move(json)) {}

  /// The members of an object, behind its bracket. Whether it was whole.
  Parse<bool> Members(int depth = 0) {
    json_("{");
    bool any = false;
    for (;;) {
      const int c = co_await SkipSpace(input_);
      if (c == Input::kEnd) co_return false;
      if (c == '}' || c == ',') {
        input_.Take();
        if (c == ',') continue;
        json_("}");
        co_return true;
      }
      const auto key = co_await ReadSegment(input_, {":"}, kMaxKey);
      if (!key) co_return false;
      json_((std::exchange(any, true) ? ", " : "") + JsonString(Bare(key->text)) + ": ");
      if (!co_await Value(depth)) co_return false;
    }
  }

 private:
  Parse<bool> Value(int depth) {
    const int c = co_await SkipSpace(input_);
    if (depth > kMaxDepth) co_return false;
    if (c == '{') {
      input_.Take();
      co_return co_await Members(depth + 1);
    }
    if (c == '[') co_return co_await List(depth + 1);
    if (c == '"') co_return co_await CopyJson(input_, json_);
    if (c == static_cast<unsigned char>(quote_.front())) co_return co_await Quoted();
    co_return co_await Atom();
  }

  Parse<bool> List(int depth) {
    input_.Take();
    json_("[");
    bool any = false;
    for (;;) {
      const int c = co_await SkipSpace(input_);
      if (c == Input::kEnd) co_return false;
      if (c == ']' || c == ',') {
        input_.Take();
        if (c == ',') continue;
        json_("]");
        co_return true;
      }
      if (std::exchange(any, true)) json_(", ");
      if (!co_await Value(depth)) co_return false;
      if (const int next = co_await SkipSpace(input_); next != ',' && next != ']') co_return false;
    }
  }

  Parse<bool> Quoted() {
    if (!co_await TakeLiteral(input_, quote_)) co_return co_await Atom();
    if (co_await input_.Peek() == Input::kEnd) co_return false;
    json_("\"");
    MarkerScanner scanner({quote_});
    const auto end = co_await ReadUntil(input_, scanner, [&](std::string_view piece) {
      std::string escaped;
      AppendJsonEscaped(piece, escaped);
      json_(escaped);
    });
    if (end) json_("\"");
    co_return end.has_value();
  }

  Parse<bool> Atom() {
    std::string text;
    for (;;) {
      const int c = co_await input_.Peek();
      if (c == Input::kEnd || c == ',' || c == '}' || c == ']') {
        text = Trimmed(text);
        json_(c == Input::kEnd ? text : JsonOfText(text, {.bits = JsonTypes::kAll ^ JsonTypes::kString}));
        co_return c != Input::kEnd;
      }
      text += static_cast<char>(c);
      input_.Take();
    }
  }

  /// Keys come bare, or quoted like strings.
  std::string Bare(std::string_view key) const {
    std::string text = Trimmed(key);
    if (text.size() >= 2 * quote_.size() && text.starts_with(quote_) && text.ends_with(quote_)) {
      text = text.substr(quote_.size(), text.size() - 2 * quote_.size());
    }
    return text;
  }

  Input& input_;
  const std::string& quote_;
  const Sink json_;
};

class GemmaCallFormat : public WireFormat {
 public:
  explicit GemmaCallFormat(GemmaCall table) : WireFormat(table.layout, {table.call_begin}), table_(std::move(table)) {}

  std::vector<std::string> Markers() const override { return {table_.call_begin, table_.call_end, table_.quote}; }

 protected:
  Parse<> ReadCalls(Session& session, std::size_t /*opening*/) const override {
    Input& input = session.input;
    co_await SkipSpace(input);
    if (!co_await TakeLiteral(input, kCall)) co_return;
    const auto name = co_await ReadSegment(input, {"{"}, kMaxKey);
    if (!name || !session.IsName(Trimmed(name->text), true)) co_return;
    session.BeginCall(Trimmed(name->text));
    GemmaValue arguments(input, table_.quote, [&](std::string_view piece) { session.emitter.Arguments(piece); });
    if (!co_await arguments.Members() && co_await input.Peek() == Input::kEnd) co_return;
    session.EndCall();
    co_await SkipSpace(input);
    if (co_await TakeLiteral(input, table_.call_end)) session.Understood();
  }

  std::string RenderCall(const ToolCall& call, std::size_t /*index*/) const override {
    return table_.call_begin + std::string(kCall) + call.name + Written(call.arguments) + table_.call_end;
  }

  grammar::Format CallFormat(const Tool& tool) const override {
    const nlohmann::ordered_json schema = ArgumentsSchema(tool);
    const std::string begin = table_.call_begin + std::string(kCall) + tool.name;
    if (tool.input) {
      return Sequence({Text(begin + "{" + std::string(kCustomInput) + ":" + table_.quote),
                       BareInput(tool, table_.quote), Text(table_.quote + "}" + table_.call_end)});
    }
    return Sequence({Text(begin), ObjectFormat(schema, schema, 0), Text(table_.call_end)});
  }

 private:
  static constexpr std::string_view kCall = "call:";

  std::string Written(const nlohmann::ordered_json& value) const {
    if (value.is_string()) return table_.quote + value.get<std::string>() + table_.quote;
    if (!value.is_structured()) return SpacedJson(value);
    std::string text = value.is_object() ? "{" : "[";
    bool any = false;
    for (const auto& [key, member] : value.items()) {
      if (std::exchange(any, true)) text += ",";
      if (value.is_object()) text += key + ":";
      text += Written(member);
    }
    return text + (value.is_object() ? '}' : ']');
  }

  grammar::Format ObjectFormat(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& root,
                               int depth) const {
    const Tool part{.name = {}, .parameters = schema};
    const std::vector<Parameter> parameters = ParametersOf(part);
    return Sequence({Text("{"),
                     ParameterList(parameters, ",",
                                   [&](const Parameter& one) {
                                     return Sequence({Text(one.name + ":"),
                                                      ValueFormat(schema["properties"][one.name], root, depth)});
                                   }),
                     Text("}")});
  }

  /// The notation has no string without quotes, so that JSON's grammar serves for scalars only. Schemas that combine
  /// others are held to JSON, which the parser takes as well.
  grammar::Format ValueFormat(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& root,
                              int depth) const {
    const JsonTypes types = TypesOf(schema, root);
    if (types.only(JsonTypes::kString)) return StringFormat(schema);
    const bool plain = schema.is_object() && depth < kMaxDepth && !schema.contains("$ref");
    if (plain && types.only(JsonTypes::kObject) && schema.contains("properties")) {
      return ObjectFormat(schema, root, depth + 1);
    }
    if (plain && types.only(JsonTypes::kArray) && schema.contains("items") && schema["items"].is_object()) {
      const auto bound = [&](const char* name, std::uint32_t otherwise) {
        return schema.contains(name) && schema[name].is_number_unsigned() ? schema[name].get<std::uint32_t>()
                                                                          : otherwise;
      };
      return Sequence({Text("["),
                       Repeat(ValueFormat(schema["items"], root, depth + 1), bound("minItems", 0),
                              bound("maxItems", kAnyNumber), ","),
                       Text("]")});
    }
    return Json(ParameterSchemaAlone({.name = {}, .parameters = WithDefinitions(schema, root)}, "value"));
  }

  /// A tool whose parameter "value" is the schema.
  static nlohmann::ordered_json WithDefinitions(const nlohmann::ordered_json& schema,
                                                const nlohmann::ordered_json& root) {
    nlohmann::ordered_json whole = {{"properties", {{"value", schema}}}};
    for (const char* definitions : {"$defs", "definitions"}) {
      if (root.contains(definitions)) whole[definitions] = root[definitions];
    }
    return whole;
  }

  grammar::Format StringFormat(const nlohmann::ordered_json& schema) const {
    grammar::Formats texts;
    if (schema.contains("enum") && schema["enum"].is_array()) {
      for (const auto& value : schema["enum"]) {
        if (value.is_string()) texts.push_back(Text(value.get<std::string>()));
      }
    }
    return Sequence(
        {Text(table_.quote), texts.empty() ? Free({table_.quote}) : Choice(std::move(texts)), Text(table_.quote)});
  }

  const GemmaCall table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakeGemmaCall(GemmaCall table) {
  return std::make_unique<GemmaCallFormat>(std::move(table));
}

}  // namespace strata::serve::tools
