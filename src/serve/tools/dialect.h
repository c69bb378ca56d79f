// How one family of models calls tools: chosen from the chat template, it reads answers, constrains them, and writes
// calls where a template cannot.
//
//   const Dialect& dialect = DetectDialect(source);
//   auto parser = dialect.MakeParser(tools, {.reasoning = DetectReasoning(source), .id_seed = seed});
//   parser->Push(text, delta);
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/format.h"
#include "serve/tools/emitter.h"
#include "serve/tools/output.h"
#include "serve/tools/reasoning.h"
#include "serve/tools/tool.h"

namespace strata::serve::tools {

class WireFormat;

struct ParserOptions {
  const ReasoningFormat* reasoning = nullptr;  ///< null: reasoning is not told from content
  bool reasoning_open = false;                 ///< the prompt ends inside of it
  bool one_call = false;                       ///< the answer ends with its first call
  std::uint64_t id_seed = 0;                   ///< makes the ids of calls this answer's own
};

/// What a constraint must know of the answer's beginning.
struct ReasoningState {
  const ReasoningFormat* format = nullptr;
  bool open = false;
};

/// `answer` after a thought: one that has begun is to be ended, another may come.
grammar::Format WithThought(grammar::Format answer, const ReasoningState& reasoning);

class Dialect {
 public:
  /// `signs`: a template with all of them is this family's.
  Dialect(std::string_view name, std::vector<std::string_view> signs, std::unique_ptr<WireFormat> format, IdShape ids,
          std::string_view prompt);
  ~Dialect();
  Dialect(Dialect&&) noexcept;

  /// What --tool-call-parser calls it.
  std::string_view name() const { return name_; }
  bool Fits(std::string_view template_source) const;

  /// `tools` null: no calls are looked for. The dialect must outlive the parser (those of Dialects() do).
  std::unique_ptr<OutputParser> MakeParser(std::shared_ptr<const ToolSet> tools, const ParserOptions& options) const;

  /// Everything that an answer may be. Arguments are held to each tool's schema, whether it is strict or not: the
  /// caller widens the schemas that a grammar cannot hold, or refuses them. Bare-text formats hold a string to its enum
  /// only.
  grammar::Format Constraint(const ToolSet& tools, const ToolChoice& choice, bool parallel,
                             const ReasoningState& reasoning) const;

  /// An answer of this content, without calls.
  grammar::Format Content(grammar::Format content) const;
  /// Content stands between marks: a parser must read every answer.
  bool MarksContent() const;

  /// The calls of an assistant's turn as the model writes them.
  std::string Render(std::span<const ToolCall> calls) const;

  /// Texts that a vocabulary may have as special tokens and that must reach the parser.
  std::vector<std::string> Markers() const;

  /// What the family was trained to be told where its template says nothing of tools; "{tools}" is their place. Empty:
  /// nothing in particular.
  std::string_view prompt() const { return prompt_; }

 private:
  std::string_view name_;
  std::vector<std::string_view> signs_;
  std::unique_ptr<const WireFormat> format_;
  IdShape ids_;
  std::string_view prompt_;
};

/// All families, what is more particular in front; the last one fits any template.
std::span<const Dialect> Dialects();

/// Null when there is none of this name.
const Dialect* FindDialect(std::string_view name);

/// The family whose template this is.
const Dialect& DetectDialect(std::string_view template_source);

}  // namespace strata::serve::tools
