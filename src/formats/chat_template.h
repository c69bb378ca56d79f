// Chat templates: the Jinja programs that model publishers ship, run in a sandbox with bounds.
//
//   STRATA_TRY(auto chat, ChatTemplate::Parse(source));
//   STRATA_TRY(std::string prompt, chat.Render({{"messages", messages}, {"add_generation_prompt", true}}));
//
// Renders equal those of jinja2's ImmutableSandboxedEnvironment(trim_blocks, lstrip_blocks) with the extensions of
// transformers' chat templates (raise_exception, strftime_now, tojson without HTML escapes, {% generation %},
// break/continue). Not there: loading of other templates (include, import, extends), autoescape, and the filters
// pprint, random, striptags, urlize, wordwrap and xmlattr. Integers have 64 bits; what does not fit is an error.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata {

/// A template runs code from a model file: it gets bounds, not trust.
struct TemplateLimits {
  std::size_t steps = 2'000'000;         ///< evaluated nodes
  std::size_t depth = 200;               ///< of expressions, includes, macro calls, and of the parser
  std::size_t output_bytes = 16u << 20;  ///< of the result and of every string on the way
};

class ChatTemplate {
 public:
  /// Errors: kInvalidArgument "line 12: ..." for a syntax error or an unknown tag. (Unknown filters and tests are
  /// errors when they are reached, as in jinja2.)
  static Result<ChatTemplate> Parse(std::string_view source);

  /// `variables` is an object; its members are the globals (messages, tools, bos_token, add_generation_prompt, ...).
  /// Object order is kept: a model's prompt depends on the order of its tools' fields.
  /// Errors: kInvalidArgument with the text of raise_exception or the line of a run-time error; kResourceExhausted when
  /// a limit was hit. `now_unix_seconds` is what strftime_now sees (UTC).
  Result<std::string> Render(const nlohmann::ordered_json& variables, std::int64_t now_unix_seconds,
                             const TemplateLimits& limits = {}) const;

  /// Whether the template mentions this global at all ("tools", "enable_thinking"): decides if a feature is supported.
  bool Mentions(std::string_view name) const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace strata
