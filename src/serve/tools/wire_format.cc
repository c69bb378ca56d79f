#include "serve/tools/wire_format.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

using grammar::Format;
using grammar::Formats;

constexpr std::size_t kMaxName = 256;

}  // namespace

bool Session::IsName(std::string_view name, bool marked) const {
  if (!marked) return Find(name) != nullptr;
  if (name.empty() || name.size() > kMaxName) return false;
  return std::ranges::none_of(name, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || std::string_view("\"'`<>{}()[]").contains(c);
  });
}

Parse<> WireFormat::Run(Session& session) const {
  Input& input = session.input;
  Emitter& emitter = session.emitter;
  const ReasoningFormat* reasoning = session.reasoning;
  const std::size_t calls = session.tools() != nullptr ? openings_.size() : 0;
  const Sink text = [&](std::string_view piece) { emitter.Text(piece); };
  while (!session.done()) {
    std::vector<std::string> markers(openings_.begin(), openings_.begin() + static_cast<std::ptrdiff_t>(calls));
    if (reasoning != nullptr) {
      markers.emplace_back(reasoning->open);
      markers.emplace_back(reasoning->close);
    }
    const std::size_t thought = markers.size();
    std::ranges::copy(ContentMarks(), std::back_inserter(markers));
    MarkerScanner scanner(std::move(markers));
    const auto found = co_await ReadUntil(input, scanner, text);
    if (!found) break;
    if (*found < calls) {
      input.Record(scanner.marker(*found));
      co_await ReadCalls(session, *found);
      emitter.Text(input.TakeRecord());
    } else if (*found >= thought || (emitter.in_reasoning() && *found > calls)) {
      emitter.CloseReasoning();
    } else if (!emitter.in_reasoning() && *found == calls) {
      emitter.OpenReasoning();
    } else if (!emitter.in_reasoning() || !emitter.after_break()) {
      emitter.Text(scanner.marker(*found));  // out of place; but a model may repeat what the prompt has opened
    }
  }
  emitter.Finish();
}

std::string WireFormat::Render(std::span<const ToolCall> calls) const {
  std::string text = layout_.section_begin;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i > 0) text += layout_.separator;
    text += RenderCall(calls[i], i);
  }
  return text + layout_.section_end;
}

Format WireFormat::Section(Format first, const Formats& calls, std::uint32_t most) const {
  Formats parts;
  if (!layout_.section_begin.empty()) parts.push_back(Text(layout_.section_begin));
  parts.push_back(std::move(first));
  if (most > 1) {
    Formats next = {Choice(calls)};
    if (!layout_.separator.empty()) next.insert(next.begin(), Text(layout_.separator));
    parts.push_back(Repeat(Sequence(std::move(next)), 0, most == kAnyNumber ? most : most - 1));
  }
  if (!layout_.section_end.empty()) parts.push_back(Text(layout_.section_end));
  return Sequence(std::move(parts));
}

std::vector<std::string> WireFormat::ContentMarks() const {
  std::vector<std::string> marks;
  for (const std::string* mark : {&layout_.content_begin, &layout_.content_end, &layout_.answer_end}) {
    if (!mark->empty()) marks.push_back(*mark);
  }
  return marks;
}

Format WireFormat::Content(Format content) const {
  if (!MarksContent()) return content;
  Formats parts = {Optional(Text(layout_.content_begin)), std::move(content), Optional(Text(layout_.content_end))};
  if (!layout_.answer_end.empty()) parts.push_back(Optional(Text(layout_.answer_end)));
  return Sequence(std::move(parts));
}

Format WireFormat::CallsOnly(std::span<const Tool* const> tools, std::uint32_t most) const {
  Formats calls;
  for (const Tool* tool : tools) calls.push_back(CallFormat(*tool));
  Format section = Section(Choice(calls), calls, most);
  if (!MarksContent()) return section;
  // Content that says nothing may come first; the prompt may have begun it.
  return Sequence({Optional(Text(layout_.content_begin)), Optional(Text(layout_.content_end)), std::move(section)});
}

Format WireFormat::TextOrCalls(std::span<const Tool* const> tools, std::uint32_t most) const {
  Formats calls;
  for (const Tool* tool : tools) calls.push_back(CallFormat(*tool));
  if (MarksContent()) {
    std::vector<std::string> excludes = ContentMarks();
    excludes.push_back(layout_.trigger);
    return Content(Sequence({Free(std::move(excludes)), Optional(Sequence({Optional(Text(layout_.content_end)),
                                                                           Section(Choice(calls), calls, most)}))}));
  }
  grammar::TriggeredFormat format;
  if (!layout_.trigger.empty()) {
    format.triggers = {layout_.trigger};
    format.tags = {Section(Choice(calls), calls, layout_.section_begin.empty() ? 1 : most)};
  } else {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      format.triggers.push_back(layout_.section_begin + CallBegin(*tools[i]));
      format.tags.push_back(Section(calls[i], calls, most));
    }
  }
  // A bound other than none is one call, which one tag is.
  format.stop_after_first = most != kAnyNumber;
  return {.value = std::move(format)};
}

Format Text(std::string text) { return {.value = grammar::TextFormat{std::move(text)}}; }
Format Free(std::vector<std::string> excludes) { return {.value = grammar::FreeFormat{std::move(excludes)}}; }
Format Json(nlohmann::ordered_json schema) { return {.value = grammar::JsonFormat{std::move(schema), {}}}; }
Format Sequence(Formats parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return {.value = grammar::SequenceFormat{std::move(parts)}};
}
Format Choice(Formats alternatives) {
  if (alternatives.size() == 1) return std::move(alternatives.front());
  return {.value = grammar::ChoiceFormat{std::move(alternatives)}};
}
Format Optional(Format part) { return Repeat(std::move(part), 0, 1); }
Format Repeat(Format part, std::uint32_t min, std::uint32_t max, std::string separator) {
  return {.value = grammar::RepeatFormat{.part = std::make_shared<Format>(std::move(part)),
                                         .min = min,
                                         .max = max,
                                         .separator = std::move(separator)}};
}

nlohmann::ordered_json ArgumentsSchema(const Tool& tool) {
  if (!tool.parameters.is_object()) return {{"type", "object"}, {"additionalProperties", false}};
  nlohmann::ordered_json schema = tool.parameters;
  if (!schema.contains("type")) schema["type"] = "object";
  return schema;
}

Format ArgumentsFormat(const Tool& tool) {
  if (!tool.input) return Json(ArgumentsSchema(tool));
  return Sequence({Text("{" + JsonString(kCustomInput) + ": "), QuotedInput(tool), Text("}")});
}

Format BareInput(const Tool& tool, const std::string& end) {
  // A grammar that allows the end's text within its own cannot be told from its end here.
  if (std::holds_alternative<grammar::FreeFormat>(*tool.input)) return Free({end});
  return std::visit([](const auto& content) -> Format { return {.value = content}; }, *tool.input);
}

Format QuotedInput(const Tool& tool) { return {.value = grammar::JsonStringFormat{*tool.input}}; }

nlohmann::ordered_json ParameterSchemaAlone(const Tool& tool, std::string_view name) {
  const nlohmann::ordered_json* found = ParameterSchema(tool, name);
  nlohmann::ordered_json schema = found != nullptr ? *found : nlohmann::ordered_json::object();
  if (!schema.is_object()) return schema;
  for (const char* definitions : {"$defs", "definitions"}) {
    if (tool.parameters.contains(definitions) && !schema.contains(definitions)) {
      schema[definitions] = tool.parameters[definitions];
    }
  }
  return schema;
}

std::vector<Parameter> ParametersOf(const Tool& tool) {
  std::vector<Parameter> parameters;
  if (!tool.parameters.is_object()) return parameters;
  const auto properties = tool.parameters.find("properties");
  if (properties == tool.parameters.end() || !properties->is_object()) return parameters;
  const auto required = tool.parameters.find("required");
  for (const auto& [name, schema] : properties->items()) {
    const bool must = required != tool.parameters.end() && required->is_array() &&
                      std::ranges::find(*required, nlohmann::ordered_json(name)) != required->end();
    parameters.push_back({.name = name, .required = must});
  }
  return parameters;
}

Format ParameterList(std::span<const Parameter> parameters, const std::string& separator,
                     const std::function<Format(const Parameter&)>& format) {
  // rest[i]: parameters i and after, each with a separator before it. Shared, so that the whole stays as long as the
  // list.
  std::vector<std::shared_ptr<Format>> rest(parameters.size() + 1, std::make_shared<Format>(Text("")));
  const auto once = [](std::shared_ptr<Format> part) -> Format {
    return {.value = grammar::RepeatFormat{.part = std::move(part), .min = 1, .max = 1, .separator = {}}};
  };
  for (std::size_t i = parameters.size(); i-- > 1;) {
    Format one = separator.empty() ? format(parameters[i]) : Sequence({Text(separator), format(parameters[i])});
    if (!parameters[i].required) one = Optional(std::move(one));
    rest[i] = std::make_shared<Format>(Sequence({std::move(one), once(rest[i + 1])}));
  }
  // The first that is there has no separator: it is the first required one, or an optional one before that.
  Formats alternatives;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    alternatives.push_back(Sequence({format(parameters[i]), once(rest[i + 1])}));
    if (parameters[i].required) return Choice(std::move(alternatives));
  }
  alternatives.push_back(Text(""));
  return Choice(std::move(alternatives));
}

}  // namespace strata::serve::tools
