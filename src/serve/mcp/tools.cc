#include "serve/mcp/tools.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "serve/field_table.h"
#include "serve/generate.h"
#include "serve/knowledge/service.h"
#include "serve/mcp/knowledge_tools.h"
#include "serve/request.h"
#include "serve/response_json.h"

namespace strata::serve::mcp {
namespace {

const char* const kChatInput = R"({
  "type": "object",
  "properties": {
    "prompt": {"type": "string", "description": "What the model is asked; or give messages"},
    "messages": {
      "type": "array", "minItems": 1, "description": "A conversation, as OpenAI's chat completions have it",
      "items": {
        "type": "object",
        "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": {"type": "string"}},
        "required": ["role", "content"]
      }
    },
    "system": {"type": "string", "description": "Instructions that come before the conversation"},
    "max_tokens": {"type": "integer", "minimum": 1, "description": "Longest answer; default: what fits the context"},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2, "description": "0: always the likeliest token"},
    "json_schema": {"type": "object", "description": "A JSON Schema: the answer is a value of it"}
  },
  "additionalProperties": false
})";

const char* const kChatOutput = R"({
  "type": "object",
  "properties": {
    "text": {"type": "string"},
    "finish_reason": {"enum": ["stop", "length"]},
    "usage": {
      "type": "object",
      "properties": {
        "prompt_tokens": {"type": "integer"}, "completion_tokens": {"type": "integer"},
        "total_tokens": {"type": "integer"}
      },
      "required": ["prompt_tokens", "completion_tokens", "total_tokens"]
    },
    "reasoning": {"type": "string", "description": "What the model thought before it answered"},
    "json": {"description": "The value that json_schema asked for"}
  },
  "required": ["text", "finish_reason", "usage"]
})";

/// The arguments as a request of chat completions, which checks everything but how the conversation is put together.
Result<Json> ChatBody(const Json& arguments) {
  STRATA_CHECK(CheckMembers(arguments, "arguments",
                            {"prompt", "messages", "system", "max_tokens", "temperature", "json_schema"}));
  Json body = arguments;
  const auto taken = [&](const char* name) {
    Json value = body.value(name, Json());
    body.erase(name);
    return value;
  };
  const Json prompt = taken("prompt"), system = taken("system"), messages = taken("messages");
  if (prompt.is_null() == messages.is_null()) return BadField("prompt", "either prompt or messages must be given");
  Json& conversation = body["messages"] = Json::array();
  for (const auto& [name, text, role] : {std::tuple{"system", &system, "system"}, {"prompt", &prompt, "user"}}) {
    if (text->is_null()) continue;
    if (!text->is_string()) return BadField(name, "must be a string, not {}", text->type_name());
    conversation.push_back({{"role", role}, {"content", *text}});
  }
  if (!messages.is_null()) {
    STRATA_CHECK(ReadMessages(messages));  // before the system's message moves their places
    for (const Json& message : messages) conversation.push_back(message);
  }
  return body;
}

CallOrError MakeChatCall(const ToolCall& call) {
  auto body = ChatBody(call.arguments);
  if (!body) return std::unexpected(ToApiError(body.error()));
  (*body)["stream"] = call.stream;
  auto request = ParseChatRequest(Dump(*body), call.model->served->file->generation_defaults());
  if (!request) return std::unexpected(ToApiError(request.error()));
  auto writer = std::make_unique<ChatToolWriter>(call.reply, request->max_tokens, request->constraint.has_value());
  return GenerateCall{.request = std::move(*request), .id = MakeId("mcp-"), .writer = std::move(writer)};
}

boost::asio::awaitable<void> RunChat(const ToolCall& call) {
  CallOrError made = MakeChatCall(call);
  if (!made) {
    co_await call.exchange.Refuse(made.error());
    co_return;
  }
  made->request.tenant = call.tenant;
  co_await RunCall(call.state, call.model, std::move(*made), call.arrived_seconds, call.exchange);
}

}  // namespace

Json ServedTool::Description() const {
  return {{"name", name},
          {"title", title},
          {"description", description},
          {"inputSchema", input_schema},
          {"outputSchema", output_schema},
          {"annotations", {{"title", title}, {"readOnlyHint", true}, {"openWorldHint", false}}}};
}

std::span<const ServedTool> ServedTools() {
  static const std::array<ServedTool, 3> kTools = {
      ServedTool{.name = "chat",
                 .title = "Chat with the model",
                 .description = "Asks the language model that this server runs, and returns its answer.",
                 .input_schema = Json::parse(kChatInput),
                 .output_schema = Json::parse(kChatOutput),
                 .run = RunChat},
      KnowledgeSearchTool(), KnowledgeAnswerTool()};
  return kTools;
}

bool IsOffered(const ServedTool& tool, const ServerState& state) {
  return !tool.of_knowledge || state.knowledge != nullptr;
}

const ServedTool* FindServedTool(const ServerState& state, std::string_view name) {
  for (const ServedTool& tool : ServedTools()) {
    if (tool.name == name && IsOffered(tool, state)) return &tool;
  }
  return nullptr;
}

}  // namespace strata::serve::mcp
