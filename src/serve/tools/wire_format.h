// What a family of models writes for tool calls: one object that reads it, writes it, and says it as a grammar.
//
// Four machines cover the families, each driven by a table (dialects.cc): JSON objects in tags (tagged_json.cc), a name
// followed by JSON (named_json.cc), parameters in tags (tagged_parameters.cc), and literals of a programming language
// (pythonic.cc, gemma_call.cc). Where everything is a message, on channels (harmony.cc) or to recipients
// (recipients.cc), that is a machine of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "grammar/format.h"
#include "serve/tools/emitter.h"
#include "serve/tools/push_input.h"
#include "serve/tools/reasoning.h"
#include "serve/tools/tool.h"

namespace strata::serve::tools {

/// One answer while it is read.
class Session {
 public:
  Session(std::shared_ptr<const ToolSet> tools, const ReasoningFormat* reasoning_format, bool one_call, IdShape ids,
          std::uint64_t seed)
      : emitter(ids, seed), reasoning(reasoning_format), tools_(std::move(tools)), one_call_(one_call) {}

  Input input;
  Emitter emitter;
  const ReasoningFormat* const reasoning;  ///< null: none is looked for

  /// Null: no calls are looked for.
  const ToolSet* tools() const { return tools_.get(); }
  const Tool* Find(std::string_view name) const { return tools_ ? tools_->Find(name) : nullptr; }

  /// Whether this can be a call's name. Where no marker says that this is a call (`marked`), only a tool's name says
  /// so.
  bool IsName(std::string_view name, bool marked) const;

  /// What was read since the recording began is a call.
  void BeginCall(std::string_view name, std::optional<std::string> id = {}) {
    input.TakeRecord();
    const Tool* tool = Find(name);
    emitter.BeginCall(name, std::move(id), tool != nullptr && tool->input);
  }
  /// The call is complete; what follows is text unless it is understood (Understood).
  void EndCall() {
    emitter.EndCall();
    input.Record();
    complete_ = true;
  }
  /// What was read since the last call belongs to the format.
  void Understood() { input.Record(); }

  /// No further call is allowed.
  bool done() const { return one_call_ && complete_; }

 private:
  const std::shared_ptr<const ToolSet> tools_;
  const bool one_call_;
  bool complete_ = false;
};

/// The text around calls. Without section_begin each call has its own begin and end.
struct CallLayout {
  std::string section_begin = {};
  std::string separator = {};
  std::string section_end = {};
  /// A text that all calls begin with and that stands nowhere else. Empty: the section and the name of a tool make one.
  std::string trigger = {};
  /// What content stands between; it may also be left out. Empty: content is text as it is.
  std::string content_begin = {}, content_end = {};
  std::string answer_end = {};  ///< what may stand behind everything
};

/// For RepeatFormat, and for how many calls there may be.
inline constexpr std::uint32_t kAnyNumber = grammar::RepeatFormat::kAnyNumber;

class WireFormat {
 public:
  WireFormat(CallLayout layout, std::vector<std::string> openings)
      : layout_(std::move(layout)), openings_(std::move(openings)) {}
  virtual ~WireFormat() = default;

  /// Reads an answer to its end.
  virtual Parse<> Run(Session& session) const;

  /// The calls as a model writes them.
  virtual std::string Render(std::span<const ToolCall> calls) const;

  /// Text with calls of `tools` in it, if the model likes; and calls only. `most` bounds how many.
  virtual grammar::Format TextOrCalls(std::span<const Tool* const> tools, std::uint32_t most) const;
  virtual grammar::Format CallsOnly(std::span<const Tool* const> tools, std::uint32_t most) const;

  /// An answer of this content and nothing else.
  virtual grammar::Format Content(grammar::Format content) const;
  /// Content stands between marks, which are no part of it.
  virtual bool MarksContent() const { return !layout_.content_begin.empty(); }
  /// What the layout has of such marks.
  std::vector<std::string> ContentMarks() const;

  /// Texts that mean something: where a vocabulary has one as a special token, it must not be skipped.
  virtual std::vector<std::string> Markers() const = 0;

 protected:
  /// `opening` has been read (openings()[opening]) and the input records. What is recorded at the end becomes text.
  virtual Parse<> ReadCalls(Session& session, std::size_t opening) const = 0;

  /// One call, without the section and separators around it.
  virtual std::string RenderCall(const ToolCall& call, std::size_t index) const = 0;
  virtual grammar::Format CallFormat(const Tool& tool) const = 0;
  /// What a call of the tool begins with, where the layout has no trigger.
  virtual std::string CallBegin(const Tool& tool) const { return tool.name; }

  const std::vector<std::string>& openings() const { return openings_; }
  const CallLayout& layout() const { return layout_; }

 private:
  grammar::Format Section(grammar::Format first, const grammar::Formats& calls, std::uint32_t most) const;

  const CallLayout layout_;
  const std::vector<std::string> openings_;  ///< what calls may begin with
};

/// Formats in short.
grammar::Format Text(std::string text);
grammar::Format Free(std::vector<std::string> excludes);
grammar::Format Json(nlohmann::ordered_json schema);
grammar::Format Sequence(grammar::Formats parts);
grammar::Format Choice(grammar::Formats alternatives);
grammar::Format Optional(grammar::Format part);
grammar::Format Repeat(grammar::Format part, std::uint32_t min, std::uint32_t max, std::string separator = {});

/// The schema of a tool's arguments: always of an object.
nlohmann::ordered_json ArgumentsSchema(const Tool& tool);
/// The arguments as JSON.
grammar::Format ArgumentsFormat(const Tool& tool);
/// A custom tool's text as it is, up to `end`; and as a JSON string.
grammar::Format BareInput(const Tool& tool, const std::string& end);
grammar::Format QuotedInput(const Tool& tool);

/// The schema of one parameter, with the definitions of the tool's schema that it may refer to.
nlohmann::ordered_json ParameterSchemaAlone(const Tool& tool, std::string_view name);

/// Parameters in the order of the schema; those that are not required may be left out, others are not known. `format`
/// is of one parameter, `separator` stands between two.
struct Parameter {
  std::string name;
  bool required = false;
};
std::vector<Parameter> ParametersOf(const Tool& tool);
grammar::Format ParameterList(std::span<const Parameter> parameters, const std::string& separator,
                              const std::function<grammar::Format(const Parameter&)>& format);

}  // namespace strata::serve::tools
