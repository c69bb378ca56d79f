// Calls as Python writes them: Llama 3.2 and 4, LFM2, Olmo 3.
#include <array>
#include <utility>

#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxName = 256;

bool IsNameByte(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
         c == '$' || c >= 0x80;
}

Parse<std::string> ReadWord(Input& input) {
  std::string word;
  for (int c = co_await input.Peek(); IsNameByte(c) && word.size() <= kMaxName; c = co_await input.Peek()) {
    word += static_cast<char>(c);
    input.Take();
  }
  co_return word;
}

/// Literals of Python, turned into JSON while they are read. What is no literal (an expression) becomes a string.
class PythonLiteral {
 public:
  PythonLiteral(Input& input, Sink json) : input_(input), json_(std::move(json)) {}

  /// The value that begins here. Whether it was whole.
  Parse<bool> Read(int depth = 0) {
    const int c = co_await SkipSpace(input_);
    if (c == Input::kEnd || depth > kMaxDepth) co_return false;
    if (c == '"' || c == '\'') co_return co_await String(c);
    if (c == '[' || c == '(' || c == '{') co_return co_await Collection(c, depth);
    co_return co_await Atom();
  }

 private:
  Parse<bool> Collection(int open, int depth) {
    const char close = open == '(' ? ')' : open == '[' ? ']' : '}';
    input_.Take();
    json_(open == '{' ? "{" : "[");
    bool any = false;
    for (;;) {
      const int c = co_await SkipSpace(input_);
      if (c == Input::kEnd) co_return false;
      if (c == close || c == ',') {
        input_.Take();
        if (c == ',') continue;
        json_(open == '{' ? "}" : "]");
        co_return true;
      }
      if (std::exchange(any, true)) json_(", ");
      if (open == '{' && !co_await Key(c)) co_return false;
      if (!co_await Read(depth + 1)) co_return false;
      const int next = co_await SkipSpace(input_);
      if (next != close && next != ',') co_return false;
    }
  }

  Parse<bool> Key(int c) {
    if (c == '"' || c == '\'') {
      if (!co_await String(c)) co_return false;
    } else {
      json_(JsonString(co_await ReadWord(input_)));
    }
    if (co_await SkipSpace(input_) != ':') co_return false;
    input_.Take();
    json_(": ");
    co_return true;
  }

  Parse<bool> String(int quote) {
    input_.Take();
    json_("\"");
    bool triple = false;
    if (co_await input_.Peek() == quote) {  // the end of "", or the beginning of """
      input_.Take();
      triple = co_await input_.Peek() == quote;
      if (!triple) {
        json_("\"");
        co_return true;
      }
      input_.Take();
    }
    for (int quotes = 0;;) {
      const int c = co_await input_.Peek();
      if (c == Input::kEnd) co_return false;
      input_.Take();
      if (c == quote) {
        if (!triple || ++quotes == 3) {
          json_("\"");
          co_return true;
        }
        continue;
      }
      for (; quotes > 0; --quotes) Put(quote);
      if (c != '\\') {
        Put(c);
      } else if (!co_await Escape()) {
        co_return false;
      }
    }
  }

  /// Behind a backslash.
  Parse<bool> Escape() {
    const int c = co_await input_.Peek();
    if (c == Input::kEnd) co_return false;
    input_.Take();
    switch (c) {
      case 'n':
        Put('\n');
        break;
      case 't':
        Put('\t');
        break;
      case 'r':
        Put('\r');
        break;
      case '0':
        Put('\0');
        break;
      case '\n':
        break;
      case '\\':
      case '\'':
      case '"':
      case '/':
        Put(c);
        break;
      case 'u':
        json_("\\u");  // JSON's own
        break;
      case 'x':
        json_("\\u00");
        break;
      default:  // Python keeps what it does not know
        Put('\\');
        Put(c);
    }
    co_return true;
  }

  void Put(int c) {
    const char byte = static_cast<char>(c);
    std::string escaped;
    AppendJsonEscaped({&byte, 1}, escaped);
    json_(escaped);
  }

  /// A number, a name, or an expression up to where it ends.
  Parse<bool> Atom() {
    std::string text;
    int depth = 0;
    for (;;) {
      const int c = co_await input_.Peek();
      if (c == Input::kEnd) {
        json_(Trimmed(text));
        co_return false;
      }
      const bool closes = c == ')' || c == ']' || c == '}';
      if (depth == 0 && (closes || c == ',' || c == ':' || c == '\n')) break;
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (closes) --depth;
      text += static_cast<char>(c);
      input_.Take();
    }
    json_(JsonOfAtom(Trimmed(text)));
    co_return !text.empty();
  }

  static std::string JsonOfAtom(std::string text) {
    constexpr JsonTypes kScalars{.bits = JsonTypes::kNumber | JsonTypes::kBoolean | JsonTypes::kNull};
    std::string number = text;
    std::erase(number, '_');
    if (number.starts_with('+')) number.erase(0, 1);
    if (number.starts_with('.')) number.insert(0, "0");
    if (number.ends_with('.')) number += '0';
    const bool digit = !number.empty() && (number.front() == '-' || (number.front() >= '0' && number.front() <= '9'));
    return JsonOfText(digit && nlohmann::json::accept(number) ? number : text, kScalars);
  }

  Input& input_;
  const Sink json_;
};

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

  /// Values are JSON, which the parser takes as well: models write true for True too.
  grammar::Format CallFormat(const Tool& tool) const override {
    const std::vector<Parameter> parameters = ParametersOf(tool);
    return Sequence({Text(CallBegin(tool)), ParameterList(parameters, ", ", [&](const Parameter& one) {
                       return Sequence({Text(one.name + "="), Json(ParameterSchemaAlone(tool, one.name))});
                     }),
                     Text(")")});
  }

  std::string CallBegin(const Tool& tool) const override { return tool.name + "("; }

 private:
  /// Whether it was a whole call.
  static Parse<bool> ReadCall(Session& session, bool marked) {
    Input& input = session.input;
    const std::string name = co_await ReadWord(input);
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
      const std::string key = co_await ReadWord(input);
      if (key.empty() || co_await SkipSpace(input) != '=') co_return false;
      input.Take();
      if (!any) session.BeginCall(name);
      session.emitter.Arguments((any ? ", " : "{") + JsonString(key) + ": ");
      any = true;
      PythonLiteral literal(input, [&](std::string_view piece) { session.emitter.Arguments(piece); });
      if (!co_await literal.Read()) co_return false;
    }
  }

  const Pythonic table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakePythonic(Pythonic table) { return std::make_unique<PythonicFormat>(std::move(table)); }

}  // namespace strata::serve::tools
