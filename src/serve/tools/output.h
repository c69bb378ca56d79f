// What a model's text means to a client: reasoning, content and tool calls, as they come.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::serve::tools {

/// What is new of one tool call. The first delta of a call has its id and name; `arguments` is the next piece of their
/// JSON text, or of the text that a custom tool takes.
struct ToolCallDelta {
  int index = 0;  ///< counts the calls of an answer
  std::optional<std::string> id = {};
  std::optional<std::string> name = {};
  std::string arguments = {};
  bool custom = false;

  bool operator==(const ToolCallDelta&) const = default;
};

/// Adds deltas to deltas: those of one call that follow each other become one.
void AppendCalls(std::vector<ToolCallDelta>& to, std::vector<ToolCallDelta>&& from);

/// What some text adds to an answer. The sum of all (Append) is the answer: the same whatever pieces the text came in.
struct OutputDelta {
  std::string reasoning = {};
  std::string content = {};
  std::vector<ToolCallDelta> calls = {};  ///< one entry a call at most, in the order of their indices

  bool empty() const { return reasoning.empty() && content.empty() && calls.empty(); }
  void Append(OutputDelta&& next);
  bool operator==(const OutputDelta&) const = default;
};

/// Reads the text of one answer.
class OutputParser {
 public:
  virtual ~OutputParser() = default;
  /// Appends to `out` what `text` adds. What may be the beginning of a marker, and white space that may stand before
  /// one, waits for what follows.
  virtual void Push(std::string_view text, OutputDelta& out) = 0;
  /// The text has ended. A call that it cuts off gives what is known of it; what is no call after all is content.
  virtual void Finish(OutputDelta& out) = 0;
  /// The one call that was allowed is complete: what the model writes from now on is no part of the answer.
  virtual bool done() const = 0;
};

}  // namespace strata::serve::tools
