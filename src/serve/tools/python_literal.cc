#include "serve/tools/python_literal.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "serve/tools/tool.h"

namespace strata::serve::tools {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxName = 256;

bool IsNameByte(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == '$' || c >= 0x80;
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
      json_(JsonString(co_await ReadPythonName(input_)));
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

}  // namespace

Parse<std::string> ReadPythonName(Input& input) {
  std::string word;
  for (int c = co_await input.Peek(); IsNameByte(c) && word.size() <= kMaxName; c = co_await input.Peek()) {
    word += static_cast<char>(c);
    input.Take();
  }
  co_return word;
}

Parse<bool> ReadPythonLiteral(Input& input, Sink json) {
  PythonLiteral literal(input, std::move(json));
  co_return co_await literal.Read();
}

std::optional<std::string> JsonOfPython(std::string_view text) {
  if (!text.starts_with('[') && !text.starts_with('(') && !text.starts_with('{')) return std::nullopt;
  Input input;
  std::string json;
  Parse<bool> parse = ReadPythonLiteral(input, [&](std::string_view piece) { json += piece; });
  parse.Start();
  input.Feed(text);
  input.End();
  if (!nlohmann::json::accept(json)) return std::nullopt;
  return json;
}

}  // namespace strata::serve::tools
