// The body of POST /v1/responses: a table row a field, as in the other request parsers, and its items in the form that
// chat templates take.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "serve/conversation.h"
#include "serve/request.h"

namespace strata::serve::responses {

struct ResponseRequest {
  GenerateRequest generate;
  nlohmann::ordered_json input;  ///< a string or items, as they came; null when there is none
  std::string instructions;      ///< of this request alone, not of those that go on from it
  std::string previous_response_id;
  bool store = true;
  nlohmann::ordered_json echo;  ///< what the response repeats of the request
};

/// Everything but the conversation. Errors: kInvalidArgument or kUnsupported with the field's path as param.
Result<ResponseRequest> ParseResponseRequest(std::string_view body, const GenerationDefaults& defaults);

/// Makes the request's messages from its instructions, the `earlier` items (an array, as this function returned it
/// before) and its input. Returns all items, earlier ones in front, each of them with an id.
Result<nlohmann::ordered_json> SetConversation(ResponseRequest& request, nlohmann::ordered_json earlier);

/// Items into the conversation; the first `earlier` ones are no part of the request's input. A function_call_output
/// needs its function_call before it, and each call needs its output.
Status ReadItems(const nlohmann::ordered_json& items, std::size_t earlier, Conversation& conversation);

/// tools: functions and custom tools of the client; OpenAI's own are refused by their type. `echo` gets them as the
/// response shows them.
Status ReadTools(const nlohmann::ordered_json& value, const std::string& path, GenerateRequest& request,
                 nlohmann::ordered_json& echo);
Status ReadToolChoice(const nlohmann::ordered_json& value, const std::string& path, ToolUse& use);

}  // namespace strata::serve::responses
