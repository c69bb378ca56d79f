#include "serve/tools/prompt.h"

#include <utility>
#include <vector>

#include "serve/tools/signature.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string ContentText(const Json& message) {
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) return "";
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  for (const Json& part : *content) {
    if (part.contains("text") && part["text"].is_string()) text += part["text"].get<std::string>();
  }
  return text;
}

std::string CallsText(const Dialect& dialect, const Json& calls) {
  std::vector<ToolCall> list;
  for (const Json& call : calls) {
    const Json& function = call.at("function");
    const auto arguments = function.find("arguments");
    list.push_back({.name = function.at("name"),
                    .arguments = arguments != function.end() && arguments->is_object() ? *arguments : Json::object()});
  }
  return dialect.Render(list);
}

}  // namespace

std::string ToolPrompt(const Dialect& dialect, const Json& tools) {
  Json functions = Json::array();
  for (const Json& tool : tools) functions.push_back(tool.contains("function") ? tool["function"] : tool);
  if (std::string prompt(dialect.prompt()); !prompt.empty()) {
    constexpr std::string_view kPlace = "{tools}";
    return prompt.replace(prompt.find(kPlace), kPlace.size(), SpacedJson(functions));
  }
  std::string text = "# Tools\n\nThese functions can be called:\n\n";
  for (const Json& function : functions) text += Signature(function) + "\n\n";
  // Of a function that is not there: small models take an example's function for the one to call.
  const ToolCall example{.name = "get_time", .arguments = {{"city", "Lima"}}};
  return text +
         "When the request needs a function, answer with its call alone, every value taken from the request. With a "
         "function get_time(city: string), \"What time is it in Lima?\" would be answered by\n" +
         dialect.Render({&example, 1}) +
         "\n\nFor several calls write one after the other. Results come back in <tool_response></tool_response>. When "
         "no function is needed, answer in plain words.";
}

void AddInstructions(const std::string& text, bool takes_system, Json& messages) {
  Json& first = messages.front();
  if (first.at("role") == "system" || first.at("role") == "developer") {
    first["content"] = ContentText(first) + "\n\n" + text;
  } else if (!takes_system && first.at("role") == "user") {
    first["content"] = text + "\n\n" + ContentText(first);
  } else {
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
  }
}

void AddToolPrompt(const Dialect& dialect, const Json& tools, bool takes_system, Json& messages) {
  AddInstructions(ToolPrompt(dialect, tools), takes_system, messages);
}

void WriteCallsAsText(const Dialect& dialect, Json& messages) {
  Json written = Json::array();
  bool after_result = false;
  for (Json& message : messages) {
    const bool result = message.at("role") == "tool";
    if (result) {
      const std::string text = "<tool_response>\n" + ContentText(message) + "\n</tool_response>";
      if (after_result) {
        written.back()["content"] = written.back()["content"].get<std::string>() + "\n" + text;
      } else {
        written.push_back({{"role", "user"}, {"content", text}});
      }
    } else {
      if (const auto calls = message.find("tool_calls");
          calls != message.end() && calls->is_array() && !calls->empty()) {
        const std::string before = ContentText(message);
        message["content"] = before + (before.empty() ? "" : "\n") + CallsText(dialect, *calls);
        message.erase("tool_calls");
      }
      written.push_back(std::move(message));
    }
    after_result = result;
  }
  messages = std::move(written);
}

}  // namespace strata::serve::tools
