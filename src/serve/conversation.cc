#include "serve/conversation.h"

#include <utility>

#include "serve/tool_list.h"

namespace strata::serve {

using Json = nlohmann::ordered_json;

namespace {

Json TextPart(Json text) { return {{"type", "text"}, {"text", std::move(text)}}; }

}  // namespace

void Conversation::AddText(std::string_view role, std::string text) {
  reasoning_.clear();
  if (last_role() != role) {
    messages_.push_back({{"role", role}, {"content", std::move(text)}});
    return;
  }
  Json& content = messages_.back()["content"];
  if (content.is_string()) content = Json::array({TextPart(std::move(content))});
  content.push_back(TextPart(std::move(text)));
}

void Conversation::AddReasoning(std::string_view text) {
  if (!reasoning_.empty()) reasoning_ += '\n';
  reasoning_ += text;
}

void Conversation::AddAnswer(std::string_view text) {
  Json& content = AssistantMessage()["content"];
  content = content.get<std::string>().append(text);
}

void Conversation::AddCall(std::string id, std::string name, std::string arguments) {
  calls_.insert(id);
  AssistantMessage()["tool_calls"].push_back(
      {{"id", std::move(id)},
       {"type", "function"},
       {"function", {{"name", std::move(name)}, {"arguments", std::move(arguments)}}}});
}

void Conversation::AddCustomCall(std::string id, std::string name, const std::string& input) {
  AddCall(std::move(id), std::move(name), CustomArguments(input));
}

void Conversation::AddToolResult(std::string call_id, std::string text) {
  reasoning_.clear();
  messages_.push_back({{"role", "tool"}, {"tool_call_id", std::move(call_id)}, {"content", std::move(text)}});
}

void Conversation::SetToolResult(std::string_view call_id, std::string text) {
  for (auto message = messages_.rbegin(); message != messages_.rend(); ++message) {
    if (message->value("tool_call_id", "") != call_id) continue;
    (*message)["content"] = std::move(text);
    return;
  }
}

std::string_view Conversation::last_role() const {
  if (messages_.empty()) return {};
  return messages_.back().at("role").get_ref<const std::string&>();
}

Json& Conversation::AssistantMessage() {
  if (last_role() != "assistant") messages_.push_back({{"role", "assistant"}, {"content", ""}});
  Json& message = messages_.back();
  if (!reasoning_.empty()) {
    std::string reasoning = message.value("reasoning_content", "");
    if (!reasoning.empty()) reasoning += '\n';
    message["reasoning_content"] = reasoning + std::exchange(reasoning_, {});
  }
  return message;
}

}  // namespace strata::serve
