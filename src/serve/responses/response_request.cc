#include "serve/responses/response_request.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "serve/http.h"
#include "serve/request_fields.h"

namespace strata::serve::responses {
namespace {

using R = ResponseRequest;
constexpr std::size_t kMaxMetadata = 16, kMaxMetadataKey = 64, kMaxMetadataValue = 512;  // OpenAI's

Status ReadReasoning(const Json& value, const std::string& path, R& r) {
  static const std::vector<Field<R>> table = [] {
    std::vector<Field<R>> t;
    t.push_back({"effort", [](const Json& v, const std::string& p, R& request) -> Status {
                   STRATA_CHECK(ReadReasoningEffort(v, p, request.generate.thinking));
                   request.echo["reasoning"]["effort"] = v;
                   return {};
                 }});
    // Reasoning is shown as it is: nothing is summarised.
    for (const std::string_view name : {"summary", "generate_summary", "context", "mode"}) {
      t.push_back(AcceptedField<R>(name, JsonType::kString));
    }
    return t;
  }();
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  return ReadFields(value, table, r, path + ".");
}

/// {"type": "json_schema", "name": ..., "schema": ...}
Status ReadFormat(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  STRATA_CHECK(CheckMembers(value, path, {"type", "name", "schema", "strict", "description"}));
  STRATA_TRY(const std::string type, StringMember(value, path, "type"));
  r.echo["text"]["format"] = value;
  if (type == "text") return {};
  if (type == "json_object") return ConstrainToObject(path, r.generate);
  if (type != "json_schema") return BadField(path + ".type", "must be text, json_object or json_schema");
  STRATA_CHECK(StringMember(value, path, "name"));
  if (!value.contains("schema")) return BadField(path + ".schema", "is missing");
  return ConstrainBySchema(value["schema"], path + ".schema", r.generate);
}

Status ReadText(const Json& value, const std::string& path, R& r) {
  static const std::vector<Field<R>> table = {{"format", ReadFormat}, RefusedField<R>("verbosity", {"\"medium\""})};
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  return ReadFields(value, table, r, path + ".");
}

Status ReadMetadata(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  if (value.size() > kMaxMetadata) return BadField(path, "must not have more than {} members", kMaxMetadata);
  for (const auto& [name, text] : value.items()) {
    const std::string member_path = path + "." + name.substr(0, 100);
    if (name.size() > kMaxMetadataKey) return BadField(member_path, "must have a shorter name");
    if (!text.is_string()) return BadField(member_path, "must be a string, not {}", text.type_name());
    if (text.get_ref<const std::string&>().size() > kMaxMetadataValue) return BadField(member_path, "is too long");
  }
  r.echo["metadata"] = value;
  return {};
}

/// More to show of the response: all but log-probabilities is of items that do not exist here, or shown anyway.
Status ReadInclude(const Json& value, const std::string& path, R&) {
  constexpr std::array<std::string_view, 7> kNothing = {"file_search_call.results",
                                                        "web_search_call.results",
                                                        "web_search_call.action.sources",
                                                        "message.input_image.image_url",
                                                        "computer_call_output.output.image_url",
                                                        "code_interpreter_call.outputs",
                                                        "reasoning.encrypted_content"};
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string item_path = fmt::format("{}[{}]", path, i);
    std::string name;
    STRATA_CHECK(ReadString(value[i], item_path, name));
    if (std::ranges::find(kNothing, name) != kNothing.end()) continue;
    return std::unexpected(
        Error(ErrorCode::kUnsupported, fmt::format("{}: {} is not supported", item_path, name.substr(0, 100)))
            .WithParam(item_path));
  }
  return {};
}

Status ReadStreamOptions(const Json& value, const std::string& path, R& r) {
  static const std::vector<Field<R>> table = {AcceptedField<R>("include_obfuscation", JsonType::kBool)};
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  return ReadFields(value, table, r, path + ".");
}

/// Accepted strings that the response repeats.
Field<R> EchoedField(std::string_view name) {
  return {name, [](const Json& v, const std::string& path, R& r) -> Status {
            std::string text;
            STRATA_CHECK(ReadString(v, path, text));
            r.echo[path] = text;
            return {};
          }};
}

std::vector<Field<R>> MakeTable() {
  std::vector<Field<R>> t;
  t.push_back(
      {"model", [](const Json& v, const std::string& path, R& r) { return ReadString(v, path, r.generate.model); }});
  t.push_back({"input", [](const Json& v, const std::string&, R& r) -> Status {
                 r.input = v;
                 return {};
               }});
  t.push_back({"instructions",
               [](const Json& v, const std::string& path, R& r) { return ReadString(v, path, r.instructions); }});
  t.push_back({"previous_response_id", [](const Json& v, const std::string& path, R& r) {
                 return ReadString(v, path, r.previous_response_id);
               }});
  t.push_back(BoolField<R>("store", [](R& r) -> bool& { return r.store; }));
  t.push_back(BoolField<R>("stream", [](R& r) -> bool& { return r.generate.stream; }));
  t.push_back(IntegerField<R>("max_output_tokens", 1, INT32_MAX,
                              [](R& r) -> std::optional<std::int64_t>& { return r.generate.max_tokens; }));
  t.push_back(RealField<R>("temperature", 0, 2, [](R& r) -> double& { return r.generate.sampling.temperature; }));
  t.push_back({"top_p", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadReal(v, path, 0, 1, r.generate.sampling.top_p));
                 if (r.generate.sampling.top_p == 0) return BadField(path, "must be greater than 0");
                 return {};
               }});
  t.push_back({"tools", [](const Json& v, const std::string& path, R& r) {
                 return ReadTools(v, path, r.generate.tool_use.registered.get(), r.tools, r.echo["tools"]);
               }});
  // Read when the servers are known.
  t.push_back({"tool_choice", [](const Json& v, const std::string&, R& r) -> Status {
                 r.echo["tool_choice"] = v;
                 return {};
               }});
  t.push_back(IntegerField<R>("max_tool_calls", 1, INT32_MAX,
                              [](R& r) -> std::optional<std::int64_t>& { return r.max_tool_calls; }));
  t.push_back(BoolField<R>("parallel_tool_calls", [](R& r) -> bool& { return r.generate.tool_use.parallel; }));
  t.push_back({"text", ReadText});
  t.push_back({"reasoning", ReadReasoning});
  t.push_back({"metadata", ReadMetadata});
  t.push_back({"include", ReadInclude});
  t.push_back({"stream_options", ReadStreamOptions});
  for (const std::string_view name : {"user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}) {
    t.push_back(EchoedField(name));
  }
  t.push_back(AcceptedField<R>("service_tier", JsonType::kString));
  t.push_back(AcceptedField<R>("prompt_cache_options", JsonType::kObject));
  t.push_back(RefusedField<R>("background", {"false"}));
  t.push_back(RefusedField<R>("truncation", {"\"disabled\""}));
  t.push_back(RefusedField<R>("top_logprobs", {"0"}));
  for (const std::string_view name : {"conversation", "prompt", "context_management", "moderation"}) {
    t.push_back(RefusedField<R>(name));
  }
  return t;
}

Json EmptyEcho() {
  return {{"instructions", nullptr},
          {"max_output_tokens", nullptr},
          {"max_tool_calls", nullptr},
          {"metadata", Json::object()},
          {"parallel_tool_calls", true},
          {"previous_response_id", nullptr},
          {"prompt_cache_key", nullptr},
          {"prompt_cache_retention", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"safety_identifier", nullptr},
          {"service_tier", "default"},
          {"store", true},
          {"temperature", 1.0},
          {"text", {{"format", {{"type", "text"}}}, {"verbosity", "medium"}}},
          {"tool_choice", "auto"},
          {"tools", Json::array()},
          {"top_logprobs", 0},
          {"top_p", 1.0},
          {"truncation", "disabled"},
          {"user", nullptr}};
}

void FillEcho(ResponseRequest& r) {
  Json& echo = r.echo;
  if (!r.instructions.empty()) echo["instructions"] = r.instructions;
  if (r.generate.max_tokens) echo["max_output_tokens"] = *r.generate.max_tokens;
  if (r.max_tool_calls) echo["max_tool_calls"] = *r.max_tool_calls;
  if (!r.previous_response_id.empty()) echo["previous_response_id"] = r.previous_response_id;
  echo["parallel_tool_calls"] = r.generate.tool_use.parallel;
  echo["store"] = r.store;
  echo["temperature"] = r.generate.sampling.temperature;
  echo["top_p"] = r.generate.sampling.top_p;
}

/// Of ids, by the types that ReadItems knows.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kIdPrefixes = {{
    {"message", "msg_"},
    {"reasoning", "rs_"},
    {"function_call", "fc_"},
    {"function_call_output", "fco_"},
    {"custom_tool_call", "ctc_"},
    {"custom_tool_call_output", "ctco_"},
    {"mcp_list_tools", "mcpl_"},
    {"mcp_call", "mcp_"},
    {"mcp_approval_request", "mcpr_"},
    {"mcp_approval_response", "mcpa_"},
}};

/// The item as it is listed: with type, id and status, its content as parts.
Json Complete(Json item) {
  Json complete = Json::object();
  const std::string type = item.value("type", "message");
  const auto known = std::ranges::find(kIdPrefixes, type, &std::pair<std::string_view, std::string_view>::first);
  const auto id = item.find("id");
  complete["id"] = id != item.end() && id->is_string() ? *id : Json(MakeId(known->second));
  complete["type"] = type;
  if (type != "reasoning" && !type.starts_with("mcp_")) complete["status"] = "completed";
  complete.update(item);
  if (type == "message" && item["content"].is_string()) {
    const bool said = item["role"] == "assistant";
    Json part = {{"type", said ? "output_text" : "input_text"}, {"text", item["content"]}};
    if (said) part["annotations"] = Json::array();
    complete["content"] = Json::array({std::move(part)});
  }
  return complete;
}

/// Calls can only run where their server is.
Status CheckApproved(const ResponseRequest& request) {
  for (const ApprovedCall& call : request.mcp_items.approved) {
    if (FindServer(request.tools.servers, call.server_label) == nullptr) {
      return BadField("tools", "the MCP server {} of an approved call is not among them", call.server_label);
    }
  }
  return {};
}

}  // namespace

Result<ResponseRequest> ParseResponseRequest(std::string_view body, const GenerationDefaults& defaults,
                                             std::shared_ptr<const tools::ToolSet> registered) {
  static const std::vector<Field<R>> table = MakeTable();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  GenerateRequest& generate = request.generate;
  generate.chat = generate.clip_max_tokens = true;
  generate.prompt_field = "input";
  generate.tool_use.registered = std::move(registered);
  request.echo = EmptyEcho();
  ApplyDefaults(defaults, generate.sampling);
  STRATA_CHECK(ReadFields(json, table, request));
  if (request.input.is_null() && request.previous_response_id.empty()) return BadField("input", "is missing");
  if (json.contains("stream_options") && !json["stream_options"].is_null() && !generate.stream) {
    return BadField("stream_options", "is only allowed when stream is true");
  }
  if (json.contains("tool_choice") && !json["tool_choice"].is_null()) {
    STRATA_CHECK(ReadToolChoice(json["tool_choice"], "tool_choice", request.tools));
  }
  if (request.tools.servers.empty()) {
    STRATA_CHECK(UseTools(std::move(request.tools.functions), std::move(request.tools.choice), generate));
  }
  TellTemplateOfThinking(generate);
  FillEcho(request);
  return request;
}

Result<Json> SetConversation(ResponseRequest& request, Json earlier) {
  Json input = request.input.is_null() ? Json::array() : request.input;
  if (input.is_string()) input = Json::array({{{"type", "message"}, {"role", "user"}, {"content", input}}});
  if (!input.is_array()) return BadField("input", "must be a string or an array of items, not {}", input.type_name());
  Json items = std::move(earlier);
  Conversation conversation;
  if (!request.instructions.empty()) conversation.AddText("system", request.instructions);
  // Earlier items are checked already, but their calls may be answered only now.
  const std::size_t offset = items.size();
  for (const Json& item : input) items.push_back(item);
  STRATA_CHECK(ReadItems(items, offset, conversation, request.mcp_items));
  for (std::size_t i = offset; i < items.size(); ++i) items[i] = Complete(std::move(items[i]));
  if (conversation.last_role().empty()) return BadField("input", "must not be empty");
  STRATA_CHECK(CheckApproved(request));
  if (request.tools.servers.empty()) {
    Variables(request.generate.chat_input)["messages"] = conversation.Take();
  } else {
    request.conversation = std::move(conversation);
  }
  return items;
}

}  // namespace strata::serve::responses
