// A name, a marker, and the arguments as JSON: DeepSeek V3 and V3.1, Kimi K2, Mistral from its tokenizer v11.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "serve/tools/json_calls.h"
#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr std::size_t kMaxName = 320;  // a name and what Kimi puts around it

std::vector<std::string> Openings(const NamedJson& table) {
  std::vector<std::string> openings = {table.call_begin};
  if (!table.layout.section_begin.empty()) openings.push_back(table.layout.section_begin);
  return openings;
}

/// "functions.NAME:INDEX" → NAME.
std::string NameOfKimiId(std::string id) {
  if (const auto colon = id.rfind(':'); colon != std::string::npos) id.resize(colon);
  constexpr std::string_view kPrefix = "functions.";
  return id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : id;
}

class NamedJsonFormat : public WireFormat {
 public:
  explicit NamedJsonFormat(NamedJson table) : WireFormat(table.layout, Openings(table)), table_(std::move(table)) {}

  std::vector<std::string> Markers() const override {
    std::vector<std::string> markers = openings();
    for (const std::string* text :
         {&table_.layout.section_end, &table_.id_begin, &table_.arguments_begin, &table_.call_end}) {
      if (!text->empty()) markers.push_back(*text);
    }
    if (const auto marker = table_.kind.find('<'); marker != std::string::npos) {
      markers.push_back(table_.kind.substr(marker));
    }
    return markers;
  }

 protected:
  Parse<> ReadCalls(Session& session, std::size_t opening) const override {
    Input& input = session.input;
    bool any = opening == 0;
    if (any && !co_await ReadCall(session)) co_return;
    while (!session.done() && !layout().section_begin.empty()) {
      co_await SkipSpace(input);
      const auto next = co_await TakeOneOf(input, {table_.call_begin, layout().section_end});
      if (!next) {
        if (any && co_await input.Peek() == Input::kEnd) session.Understood();  // cut off in a marker
        co_return;
      }
      if (any && *next == 1) session.Understood();
      if (*next == 1 || !co_await ReadCall(session)) co_return;
      any = true;
    }
  }

  std::string RenderCall(const ToolCall& call, std::size_t index) const override {
    return Begin(call.name, index) + SpacedJson(call.arguments) + table_.arguments_end + table_.call_end;
  }

  grammar::Format CallFormat(const Tool& tool) const override {
    grammar::Formats parts;
    if (table_.kimi_names) {
      parts.push_back(Text(table_.call_begin + "functions." + tool.name + ":"));
      parts.push_back({.value = grammar::PatternFormat{"[0-9]{1,4}"}});
      parts.push_back(Text(table_.arguments_begin));
    } else {
      parts.push_back(Text(Begin(tool.name, 0)));
    }
    parts.push_back(ArgumentsFormat(tool));
    const std::string end = table_.arguments_end + table_.call_end;
    if (!end.empty()) parts.push_back(Text(end));
    return Sequence(std::move(parts));
  }

 private:
  std::string Begin(const std::string& name, std::size_t index) const {
    const std::string written = table_.kimi_names ? fmt::format("functions.{}:{}", name, index) : name;
    return table_.call_begin + table_.kind + written + table_.arguments_begin;
  }

  /// Behind call_begin. Whether it was a whole call.
  Parse<bool> ReadCall(Session& session) const {
    Input& input = session.input;
    if (const int c = co_await SkipSpace(input); table_.kind.empty() && (c == '[' || c == '{')) {
      input.Take();  // Mistral's older form, which its newer models still fall into
      co_return c == '[' ? co_await ReadCallArray(session, true) : co_await ReadCallObject(session, true);
    }
    const std::string separator = table_.kind.substr(std::min(table_.kind.find('<'), table_.kind.size()));
    if (!separator.empty() && !co_await ReadSegment(input, {separator}, kMaxName)) co_return false;
    std::vector<std::string> name_ends = {Trimmed(table_.arguments_begin)};
    if (!table_.id_begin.empty()) name_ends.push_back(table_.id_begin);
    const auto written = co_await ReadSegment(input, std::move(name_ends), kMaxName);
    if (!written) co_return false;
    std::optional<std::string> id;
    std::string name = Trimmed(written->text);
    if (written->end == 1) {
      const auto written_id = co_await ReadSegment(input, {table_.arguments_begin}, kMaxName);
      if (!written_id) co_return false;
      id = written_id->text;
    }
    if (table_.kimi_names) {
      id = name;
      name = NameOfKimiId(std::move(name));
    }
    if (!session.IsName(name, table_.marked)) co_return false;
    session.BeginCall(name, std::move(id));
    if (BeginsArguments(co_await SkipSpace(input))) co_await ReadArguments(session);
    if (co_await input.Peek() == Input::kEnd) co_return false;
    session.EndCall();
    co_await SkipSpace(input);
    if (!co_await TakeLiteral(input, Trimmed(table_.arguments_end))) co_return true;
    co_await SkipSpace(input);
    if (co_await TakeLiteral(input, table_.call_end)) session.Understood();
    co_return true;
  }

  const NamedJson table_;
};

}  // namespace

std::unique_ptr<WireFormat> MakeNamedJson(NamedJson table) {
  return std::make_unique<NamedJsonFormat>(std::move(table));
}

}  // namespace strata::serve::tools
