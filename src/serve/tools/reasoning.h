// How models mark what they think before they answer.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace strata::serve::tools {

struct ReasoningFormat {
  std::string_view name;
  std::string_view open;  ///< empty: the wire format has reasoning in itself (channels)
  std::string_view close;
  std::string_view sign;  ///< a template that has this text makes the model think so
  /// For a bound on its length: what a thought stands between (`open` and `close`, but with channels), and what ends it
  /// where the model is not about to: `end` with the white space that models have seen about it.
  struct Thought {
    std::string_view begin, end, cut;
  } thought;
};

/// A name for not telling reasoning from content.
inline constexpr std::string_view kNoReasoning = "none";

/// Every format, what is tried first in front.
std::span<const ReasoningFormat> ReasoningFormats();

/// Null when there is none of this name.
const ReasoningFormat* FindReasoning(std::string_view name);

/// What the template asks of the model; null when it says nothing of reasoning.
const ReasoningFormat* DetectReasoning(std::string_view template_source);

/// Whether a prompt ends inside of reasoning: the template has opened it for the model.
bool PromptOpensReasoning(const ReasoningFormat& format, std::string_view prompt);

}  // namespace strata::serve::tools
