#include "serve/chat_prompt.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "serve/tools/prompt.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;

// Marks the end of the final message in the rendered text; plain ASCII, which no filter of a template drops. The space
// tells whether the template trims contents.
constexpr std::string_view kEndMark = "<strata:end-of-final-message> ";

/// The texts of parts, one a line, as vLLM joins them for templates that take strings.
std::string JoinParts(const Json& parts) {
  std::string text;
  for (const Json& part : parts) {
    if (!text.empty()) text += '\n';
    text += part.at(part.at("type").get<std::string>()).get<std::string>();
  }
  return text;
}

/// Templates walk over arguments as an object; the API carries them as JSON text.
void ParseArguments(Json& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array()) return;
  for (Json& call : *calls) {
    Json& function = call["function"];
    const auto arguments = function.find("arguments");
    if (arguments == function.end() || !arguments->is_string()) continue;
    Json parsed = Json::parse(arguments->get<std::string>(), nullptr, false);
    if (parsed.is_object()) *arguments = std::move(parsed);
  }
}

std::unexpected<Error> Refuse(std::string message) {
  return std::unexpected(Error(ErrorCode::kInvalidArgument, std::move(message)).WithParam("messages"));
}

/// Appends the mark to the final message's text; where there is none, there is nothing to continue.
Status MarkEnd(Json& message) {
  const auto content = message.find("content");
  if (content != message.end() && content->is_string()) {
    *content = content->get<std::string>() + std::string(kEndMark);
    return {};
  }
  if (content != message.end() && content->is_array()) {
    Json& text = content->back()[content->back().at("type").get<std::string>()];
    text = text.get<std::string>() + std::string(kEndMark);
    return {};
  }
  return Refuse("continue_final_message: the final message has no text to continue");
}

}  // namespace

Result<std::string> RenderChat(const ChatFormat& format, const tools::Dialect& dialect, const ChatInput& input,
                               const Tokenizer& tokenizer, std::int64_t now_unix_seconds) {
  Json variables = *input.variables;
  for (Json& message : variables.at("messages")) {
    if (const auto content = message.find("content"); content != message.end()) {
      if (content->is_array() && !format.takes_parts) *content = JoinParts(*content);
    }
    if (!format.arguments_as_text) ParseArguments(message);
  }
  if (input.continue_final_message) STRATA_CHECK(MarkEnd(variables["messages"].back()));
  if (!format.shows_calls) tools::WriteCallsAsText(dialect, variables["messages"]);
  if (const auto offered = variables.find("tools");
      !format.shows_tools && input.may_call_tools && offered != variables.end()) {
    tools::AddToolPrompt(dialect, Json(*offered), format.takes_system, variables["messages"]);
  }
  variables["add_generation_prompt"] = input.add_generation_prompt;
  Result<std::string> prompt = RenderPrompt(*format.chat_template, std::move(variables), tokenizer, now_unix_seconds);
  if (!prompt) return Refuse("the chat template: " + prompt.error().ToString());
  if (!input.continue_final_message) return prompt;
  const auto end = prompt->rfind(kEndMark.substr(0, kEndMark.size() - 1));
  if (end == std::string::npos) {
    return Refuse("continue_final_message: the chat template does not show the final message");
  }
  const bool trims = !std::string_view(*prompt).substr(end).starts_with(kEndMark);
  prompt->resize(end);
  if (trims) prompt->resize(prompt->find_last_not_of(" \t\r\n") + 1);  // what it would have trimmed without the mark
  return prompt;
}

}  // namespace strata::serve
