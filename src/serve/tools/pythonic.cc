// Calls as Python writes them: Llama 3.2 and 4, LFM2, Olmo 3.
#include <utility>

#include "serve/tools/machines.h"
#include "serve/tools/python_literal.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

std::string PythonOfJson(const nlohmann::ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  if (!value.is_structured()) return SpacedJson(value);
  std::string text = value.is_object() ? "{" : "[";
  bool any = false;
  for (const auto& [key, member] : value.items()) {
    if (std::exchange(any, true)) text += ", ";
    if (value.is_object()) text += JsonString(key) + ": ";
    text += PythonOfJson(member);
  }
  return text + (value.is_object() ? '}' : ']');
}

class PythonicFormat : public WireFormat {
 public:
  explicit PythonicFormat(Pythonic table) : WireFormat(table.layout, table.openings), table_(std::move(table)) {}

  std::vector<std::string> Markers() const override {
    std::vector<std::string> markers = table_.ends;
    for (const std::string& opening : openings()) {
      if (opening != "[") markers.push_back(opening);
    }
    return markers;
  }

 protected:
  Parse<> ReadCalls(Session& session, std::size_t opening) const override {
    Input& input = session.input;
    const bool marked = openings()[opening] != "[";
    bool list = !marked;
    if (marked && co_await SkipSpace(input) == '[') {
      input.Take();
      list = true;
    }
    for (bool any = false;; any = true) {
      int c = co_await SkipSpace(input);
      while (any && (c == ',' || c == ';')) {
        input.Take();
        c = co_await SkipSpace(input);
      }
      if (list && c == ']' && (any || marked)) {
        input.Take();
        session.Understood();
        break;
      }
      if (any && c == '<') break;  // the end of the section, without its bracket
      if (!co_await ReadCall(session, marked) || session.done()) co_return;
    }
    const int c = co_await SkipSpace(input);
    for (const std::string& end : table_.ends) {
      if (c == Input::kEnd || static_cast<char>(c) != end.front()) continue;
      if (co_await TakeLiteral(input, end)) session.Understood();
      co_return;
    }
  }

  std::string RenderCall(const ToolCall& call, std::size_t /*index*/) const override {
    std::string text = call.name + "(";
    bool any = false;
    for (const auto& [key, value] : call.arguments.items()) {
      if (std::exchange(any, true)) text += ", ";
      text += key + "=" + PythonOfJson(value);
    }
    return text + ")";
  }

  grammar::Format CallFormat(const Tool& tool) const override {
    const std::vector<Parameter> parameters = ParametersOf(tool);
    grammar::Format list = ParameterList(parameters, ", ", [&](const Parameter& one) {
      grammar::Format value =
          tool.input ? QuotedInput(tool) : ValueFormat(ParameterSchemaAlone(tool, one.name), tool.parameters);
      return Sequence({Text(one.name + "="), std::move(value)});
    });
    return Sequence({Text(CallBegin(tool)), std::move(list), Text(")")});
  }

  std::string CallBegin(const Tool& tool) const override { return tool.name + "("; }

 private:
  /// JSON, which the parser takes as well, but for the names that models know from Python.
  static grammar::Format ValueFormat(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& root) {
    grammar::Formats alternatives = {Json(schema)};
    const JsonTypes types = TypesOf(schema, root);
    const bool listed = schema.is_object() && (schema.contains("enum") || schema.contains("const"));
    if (!listed && types.has(JsonTypes::kBoolean)) alternatives.push_back(Choice({Text("True"), Text("False")}));
    if (!listed && types.has(JsonTypes::kNull)) alternatives.push_back(Text("None"));
    return Choice(std::move(alternatives));
  }

  /// Whether it was a whole call.
  static Parse<bool> ReadCall(Session& session, bool marked) {
    Input& input = session.input;
    const std::string name = co_await ReadPythonName(input);
    if (co_await input.Peek() != '(' || !session.IsName(name, marked)) co_return false;
    input.Take();
    bool any = false;
    for (;;) {
      const int c = co_await SkipSpace(input);
      if (c == ',' && any) {
        input.Take();
        continue;
      }
      if (c == ')') {
        input.Take();
        if (!any) session.BeginCall(name);
        if (any) session.emitter.Arguments("}");
        session.EndCall();
        co_return true;
      }
      const std::string key = co_await ReadPythonName(input);
      if (key.empty() || co_await SkipSpace(input) != '=') co_return false;
      input.Take();
      if (!any) session.BeginCall(name);
      session.emitter.Arguments((any ? ", " : "{") + JsonString(key) + ": ");
      any = true;
      const Sink arguments = [&](std::string_view piece) { session.emitter.Arguments(piece); };
      if (!co_await ReadPythonLiteral(input, arguments)) co_return false;
    }
  }

  const Pythonic table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakePythonic(Pythonic table) { return std::make_unique<PythonicFormat>(std::move(table)); }

}  // namespace strata::serve::tools
