// A conversation in the form that chat templates take (OpenAI's chat messages), put together from the pieces that other
// protocols have. What one side says in a row becomes one message: many templates want the sides to alternate.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

namespace strata::serve {

class Conversation {
 public:
  /// `role`: system, developer or user. Texts of one message stay parts of it.
  void AddText(std::string_view role, std::string text);

  /// The assistant's turn: what it thought, said and called. Thoughts that nothing follows are left out.
  void AddReasoning(std::string_view text);
  void AddAnswer(std::string_view text);
  /// `arguments`: the JSON of an object.
  void AddCall(std::string id, std::string name, std::string arguments);
  void AddCustomCall(std::string id, std::string name, const std::string& input);

  void AddToolResult(std::string call_id, std::string text);
  /// Another text for the last result of this call.
  void SetToolResult(std::string_view call_id, std::string text);

  bool HasCall(const std::string& id) const { return calls_.contains(id); }
  /// "" while there are no messages.
  std::string_view last_role() const;

  const nlohmann::ordered_json& messages() const { return messages_; }
  nlohmann::ordered_json Take() { return std::move(messages_); }

 private:
  nlohmann::ordered_json& AssistantMessage();

  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
  std::unordered_set<std::string> calls_;
  std::string reasoning_;  ///< of the assistant's message that is to come
};

}  // namespace strata::serve
