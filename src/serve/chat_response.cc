#include "serve/logprobs_json.h"
#include "serve/response_json.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kChunk = "chat.completion.chunk";

Json ChunkJson(const ResponseHeader& header, Json choices, const UsageField& usage) {
  Json chunk = HeaderJson(header, kChunk);
  chunk["choices"] = std::move(choices);
  AddUsage(chunk, usage);
  return chunk;
}

/// What a delta or a whole message has of calls: a delta leaves out what the call's first one said.
Json CallsJson(std::span<const tools::ToolCallDelta> calls, bool whole) {
  Json list = Json::array();
  for (const tools::ToolCallDelta& call : calls) {
    Json one = Json::object();
    if (!whole) one["index"] = call.index;
    if (call.id) one["id"] = *call.id;
    const char* type = call.custom ? "custom" : "function";
    if (call.name) one["type"] = type;
    Json called = Json::object();
    if (call.name) called["name"] = *call.name;
    called[call.custom ? "input" : "arguments"] = call.arguments;
    one[type] = std::move(called);
    list.push_back(std::move(one));
  }
  return list;
}

/// Says which tools the prompt carries, where these are not all.
void AddCarriedTools(Json& json, const ChoiceDelta& first) {
  if (!first.first_of || !first.first_of->tools) return;
  const CarriedTools& tools = *first.first_of->tools;
  json["strata"] = {{"tools_offered", tools.offered}, {"tools_carried", tools.names}};
}

Json MessageJson(const ChoiceDelta& choice) {
  Json message = {{"role", "assistant"}, {"content", choice.text}};
  if (choice.text.empty() && !choice.calls.empty()) message["content"] = nullptr;
  if (!choice.reasoning.empty()) message["reasoning_content"] = choice.reasoning;
  if (!choice.calls.empty()) message["tool_calls"] = CallsJson(choice.calls, true);
  message["refusal"] = nullptr;
  return message;
}

}  // namespace

std::string ChatRoleChunk(const ResponseHeader& header, int index, const UsageField& usage) {
  Json choice = {{"index", index},
                 {"delta", {{"role", "assistant"}, {"content", ""}}},
                 {"logprobs", nullptr},
                 {"finish_reason", nullptr}};
  return Dump(ChunkJson(header, Json::array({std::move(choice)}), usage));
}

std::string ChatChunk(const ResponseHeader& header, const ChoiceDelta& delta, const UsageField& usage) {
  Json message = Json::object();
  const bool other = !delta.finish_reason.empty() || !delta.reasoning.empty() || !delta.calls.empty();
  if (!delta.reasoning.empty()) message["reasoning_content"] = delta.reasoning;
  if (!delta.text.empty() || !other) message["content"] = delta.text;
  if (!delta.calls.empty()) message["tool_calls"] = CallsJson(delta.calls, false);
  Json choice = {{"index", delta.index}, {"delta", std::move(message)}, {"logprobs", nullptr}};
  if (header.logprobs && !delta.logged.empty()) choice["logprobs"] = ChatLogprobs(header, delta.logged);
  AddFinish(choice, delta);
  if (header.return_token_ids) choice["token_ids"] = delta.tokens;
  Json chunk = ChunkJson(header, Json::array({std::move(choice)}), usage);
  if (header.return_token_ids && delta.first_of) chunk["prompt_token_ids"] = delta.first_of->tokens;
  AddCarriedTools(chunk, delta);
  return Dump(chunk);
}

std::string ChatUsageChunk(const ResponseHeader& header, const Usage& usage) {
  return Dump(ChunkJson(header, Json::array(), {.present = true, .value = usage}));
}

std::string ChatResponse(const ResponseHeader& header, std::span<const ChoiceDelta> choices, const Usage& usage) {
  Json json = HeaderJson(header, "chat.completion");
  Json list = Json::array();
  for (const ChoiceDelta& one : choices) {
    Json choice = {{"index", one.index},
                   {"message", MessageJson(one)},
                   {"logprobs", header.logprobs ? ChatLogprobs(header, one.logged) : Json()}};
    AddFinish(choice, one);
    if (header.return_token_ids) choice["token_ids"] = one.tokens;
    list.push_back(std::move(choice));
  }
  json["choices"] = std::move(list);
  json["usage"] = UsageJson(usage);
  AddCarriedTools(json, choices.front());
  if (header.prompt_logprobs) json["prompt_logprobs"] = PromptLogprobs(header, choices.front().prompt_logged);
  if (header.return_token_ids) json["prompt_token_ids"] = choices.front().first_of->tokens;
  return Dump(json);
}

}  // namespace strata::serve
