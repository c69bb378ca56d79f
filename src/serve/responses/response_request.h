// The body of POST /v1/responses: a table row a field, as in the other request parsers, and its items in the form that
// chat templates take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "serve/conversation.h"
#include "serve/request.h"
#include "serve/responses/mcp_items.h"
#include "serve/responses/mcp_tool.h"
#include "serve/tool_list.h"

namespace strata::serve::responses {

/// What a request says of tools, before MCP's servers have been asked for theirs.
struct RequestTools {
  ToolList functions;  ///< the client's, custom tools and registered ones among them
  std::vector<McpTool> servers;
  tools::ToolChoice choice;           ///< of functions; with `chosen` empty and none allowed: of all tools
  std::vector<McpToolChoice> chosen;  ///< of MCP's tools
};

struct ResponseRequest {
  GenerateRequest generate;
  RequestTools tools;
  std::optional<std::int64_t> max_tool_calls;  ///< of MCP's tools
  nlohmann::ordered_json input;                ///< a string or items, as they came; null when there is none
  std::string instructions;                    ///< of this request alone, not of those that go on from it
  std::string previous_response_id;
  bool store = true;
  nlohmann::ordered_json echo;  ///< what the response repeats of the request
  /// Set by SetConversation where there are servers: it goes on between the answers.
  Conversation conversation;
  McpItems mcp_items;
};

/// Everything but the conversation. `registered`: ToolUse's. Errors: kInvalidArgument or kUnsupported with the field's
/// path as param.
Result<ResponseRequest> ParseResponseRequest(std::string_view body, const GenerationDefaults& defaults,
                                             std::shared_ptr<const tools::ToolSet> registered = nullptr);

/// Makes the request's messages (or, with servers, its conversation) from its instructions, the `earlier` items (an
/// array, as this function returned it before) and its input. Returns all items, earlier ones in front, each of them
/// with an id.
Result<nlohmann::ordered_json> SetConversation(ResponseRequest& request, nlohmann::ordered_json earlier);

/// Items into the conversation; the first `earlier` ones are no part of the request's input. A function_call_output
/// needs its function_call before it, each call needs its output, and each mcp_approval_request its response.
Status ReadItems(const nlohmann::ordered_json& items, std::size_t earlier, Conversation& conversation, McpItems& mcp);

/// tools: functions and custom tools of the client, those of the `registered` ones (may be null) that it names, and MCP
/// servers; OpenAI's own are refused by their type. `echo` gets them as the response shows them.
Status ReadTools(const nlohmann::ordered_json& value, const std::string& path, const tools::ToolSet* registered,
                 RequestTools& tools, nlohmann::ordered_json& echo);
Status ReadToolChoice(const nlohmann::ordered_json& value, const std::string& path, RequestTools& tools);

/// All tools are known: they become the request's.
Status UseTools(ToolList list, tools::ToolChoice choice, GenerateRequest& request);

}  // namespace strata::serve::responses
