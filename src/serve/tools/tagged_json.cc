// {"name": ..., "arguments": {...}} in tags, in an array, or bare: Hermes and Qwen, SmolLM, Mistral until its tokenizer
// v11, Granite 3, Phi-4-mini, xLAM, Llama 3, Command.
#include <utility>

#include "serve/tools/json_calls.h"
#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

class TaggedJsonFormat : public WireFormat {
 public:
  explicit TaggedJsonFormat(TaggedJson table) : WireFormat(table.layout, table.openings), table_(std::move(table)) {}

  std::vector<std::string> Markers() const override {
    std::vector<std::string> markers = table_.ends;
    for (const std::string& opening : openings()) {
      if (IsMarker(opening)) markers.push_back(opening);
    }
    return markers;
  }

 protected:
  Parse<> ReadCalls(Session& session, std::size_t opening) const override {
    Input& input = session.input;
    const bool marked = IsMarker(openings()[opening]);
    int c = marked ? co_await SkipSpace(input) : openings()[opening].front();
    if (c != '{' && c != '[') co_return;
    if (marked) input.Take();
    for (;;) {
      const bool whole = c == '[' ? co_await ReadCallArray(session, marked) : co_await ReadCallObject(session, marked);
      if (!whole || session.done()) co_return;
      c = co_await SkipSpace(input);
      while (c == ';' || (marked && (c == ',' || c == '}'))) {  // a bracket too many is a common slip
        input.Take();
        c = co_await SkipSpace(input);
      }
      if (c != '{') break;
      input.Take();
    }
    if (table_.ends.empty() || c == Input::kEnd) {
      if (c == Input::kEnd) session.Understood();
      co_return;
    }
    for (const std::string& end : table_.ends) {
      if (c != static_cast<unsigned char>(end.front())) continue;
      if (co_await TakeLiteral(input, end)) session.Understood();
      co_return;
    }
  }

  std::string RenderCall(const ToolCall& call, std::size_t index) const override {
    const std::string id = table_.id_key.empty() ? "" : IdBegin() + std::to_string(index) + "\", ";
    return table_.call_begin + "{" + id + Begin(call.name) + SpacedJson(call.arguments) + "}" + table_.call_end;
  }

  grammar::Format CallFormat(const Tool& tool) const override {
    grammar::Format rest = Sequence({ArgumentsFormat(tool), Text("}" + table_.call_end)});
    if (table_.id_key.empty()) return Sequence({Text(table_.call_begin + "{" + Begin(tool.name)), std::move(rest)});
    return Sequence({Text(table_.call_begin + "{" + IdBegin()),
                     {.value = grammar::PatternFormat{"[0-9]{1,4}"}},
                     Text("\", " + Begin(tool.name)),
                     std::move(rest)});
  }

 private:
  static bool IsMarker(const std::string& opening) { return opening != "{" && opening != "["; }

  std::string IdBegin() const { return "\"" + table_.id_key + "\": \""; }
  std::string Begin(const std::string& name) const {
    return "\"" + table_.name_key + "\": " + JsonString(name) + ", \"" + table_.arguments_key + "\": ";
  }

  const TaggedJson table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakeTaggedJson(TaggedJson table) {
  return std::make_unique<TaggedJsonFormat>(std::move(table));
}

}  // namespace strata::serve::tools
