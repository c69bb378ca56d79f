// The body of POST /v1/messages and /v1/messages/count_tokens: a table row a field, as in the other request parsers,
// and the conversation in the form that chat templates take.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "serve/conversation.h"
#include "serve/request.h"

namespace strata::serve::anthropic {

struct MessagesRequest {
  GenerateRequest generate;
  bool omit_thinking = false;  ///< thinking blocks come without their text
};

/// Errors: kInvalidArgument or kUnsupported with the field's path as param ("messages[0].content[1].type").
/// `counting`: max_tokens may be absent. `registered`: ToolUse's.
Result<MessagesRequest> ParseMessagesRequest(std::string_view body, const GenerationDefaults& defaults, bool counting,
                                             std::shared_ptr<const tools::ToolSet> registered = nullptr);

/// system, a string or text blocks, into the conversation.
Status ReadSystem(const nlohmann::ordered_json& value, const std::string& path, Conversation& conversation);
/// messages into the conversation. Each call of a tool must be answered by the next message, and each answer needs its
/// call in the message before it.
Status ReadMessages(const nlohmann::ordered_json& value, const std::string& path, Conversation& conversation);

/// tools: functions of the client; Anthropic's own are refused by their type.
Status ReadTools(const nlohmann::ordered_json& value, const std::string& path, GenerateRequest& request);
Status ReadToolChoice(const nlohmann::ordered_json& value, const std::string& path, ToolUse& use);

}  // namespace strata::serve::anthropic
