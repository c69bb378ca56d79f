#include "serve/anthropic/messages_request.h"

#include "serve/request_fields.h"

namespace strata::serve::anthropic {
namespace {

using R = MessagesRequest;
constexpr std::int64_t kLeastBudget = 1024;  // Anthropic's

/// {"type": "enabled", "budget_tokens": 2048}
Status ReadThinking(const Json& value, const std::string& path, R& r) {
  struct Thinking {
    std::string type, display;
    std::optional<std::int64_t> budget;
  } thinking;
  using T = Thinking;
  static const std::vector<Field<T>> table = {
      {"type", [](const Json& v, const std::string& p, T& t) { return ReadString(v, p, t.type); }},
      {"display", [](const Json& v, const std::string& p, T& t) { return ReadString(v, p, t.display); }},
      IntegerField<T>("budget_tokens", kLeastBudget, INT32_MAX,
                      [](T& t) -> std::optional<std::int64_t>& { return t.budget; })};
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  STRATA_CHECK(ReadFields(value, table, thinking, path + "."));
  const bool enabled = thinking.type == "enabled";
  if (!enabled && thinking.type != "adaptive" && thinking.type != "disabled") {
    return BadField(path + ".type", "must be \"enabled\", \"adaptive\" or \"disabled\"");
  }
  if (enabled && !thinking.budget) return BadField(path + ".budget_tokens", "is missing");
  if (!enabled && thinking.budget) return BadField(path + ".budget_tokens", "is for type \"enabled\"");
  if (!thinking.display.empty() && thinking.display != "summarized" && thinking.display != "omitted") {
    return BadField(path + ".display", "must be \"summarized\" or \"omitted\"");
  }
  r.omit_thinking = thinking.display == "omitted";
  AskForThinking(thinking.type != "disabled", path, r.generate.thinking);
  if (!thinking.budget) return {};
  return GrantThinking(*thinking.budget, path + ".budget_tokens", r.generate.thinking);
}

Status ReadOutputConfig(const Json& value, const std::string& path, R& r) {
  static const std::vector<Field<R>> table = {
      {"effort",
       [](const Json& v, const std::string& p, R& request) { return ReadEffort(v, p, request.generate.thinking); }},
      {"format", [](const Json& v, const std::string& p, R& request) -> Status {
         if (!v.is_object()) return BadField(p, "must be an object, not {}", v.type_name());
         STRATA_CHECK(CheckMembers(v, p, {"type", "schema"}));
         STRATA_TRY(const std::string type, StringMember(v, p, "type"));
         if (type != "json_schema") return BadField(p + ".type", "must be \"json_schema\"");
         if (!v.contains("schema")) return BadField(p + ".schema", "is missing");
         return ConstrainBySchema(v["schema"], p + ".schema", request.generate);
       }}};
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  return ReadFields(value, table, r, path + ".");
}

std::vector<Field<R>> MakeTable() {
  const auto sampling = [](auto member) { return [member](R& r) -> auto& { return r.generate.sampling.*member; }; };
  std::vector<Field<R>> t;
  t.push_back(
      {"model", [](const Json& v, const std::string& path, R& r) { return ReadString(v, path, r.generate.model); }});
  t.push_back(IntegerField<R>("max_tokens", 1, INT32_MAX,
                              [](R& r) -> std::optional<std::int64_t>& { return r.generate.max_tokens; }));
  t.push_back(BoolField<R>("stream", [](R& r) -> bool& { return r.generate.stream; }));
  t.push_back(RealField<R>("temperature", 0, 1, sampling(&SamplingParams::temperature)));
  t.push_back({"top_p", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadReal(v, path, 0, 1, r.generate.sampling.top_p));
                 if (r.generate.sampling.top_p == 0) return BadField(path, "must be greater than 0");
                 return {};
               }});
  t.push_back(IntegerField<R>("top_k", 0, INT32_MAX, sampling(&SamplingParams::top_k)));
  t.push_back({"stop_sequences", [](const Json& v, const std::string& path, R& r) -> Status {
                 if (!v.is_array()) return BadField(path, "must be an array of strings, not {}", v.type_name());
                 return ReadStop(v, path, r.generate);
               }});
  t.push_back({"tools", [](const Json& v, const std::string& path, R& r) { return ReadTools(v, path, r.generate); }});
  t.push_back({"tool_choice", [](const Json& v, const std::string& path, R& r) {
                 return ReadToolChoice(v, path, r.generate.tool_use);
               }});
  t.push_back({"thinking", ReadThinking});
  t.push_back({"output_config", ReadOutputConfig});
  // Together, since the one comes first in the conversation whichever comes first in the body.
  for (const std::string_view name : {"system", "messages"}) t.push_back(AcceptedField<R>(name, JsonType::kAny));
  for (const std::string_view name : {"service_tier", "inference_geo", "speed", "user_profile_id", "workspace_id"}) {
    t.push_back(AcceptedField<R>(name, JsonType::kString));
  }
  for (const std::string_view name : {"metadata", "cache_control", "diagnostics"}) {
    t.push_back(AcceptedField<R>(name, JsonType::kObject));
  }
  t.push_back(RefusedField<R>("mcp_servers", {"[]"}));
  t.push_back(RefusedField<R>("context_management",
                              {R"({"edits":[]})", R"({"edits":[{"type":"clear_thinking_20251015","keep":"all"}]})"}));
  for (const std::string_view name : {"container", "output_format"}) t.push_back(RefusedField<R>(name));
  return t;
}

bool Has(const Json& body, const char* name) {
  const auto field = body.find(name);
  return field != body.end() && !field->is_null();
}

}  // namespace

Result<MessagesRequest> ParseMessagesRequest(std::string_view body, const GenerationDefaults& defaults, bool counting,
                                             std::shared_ptr<const tools::ToolSet> registered) {
  static const std::vector<Field<R>> table = MakeTable();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  GenerateRequest& generate = request.generate;
  generate.chat = generate.clip_max_tokens = true;
  generate.prompt_field = "messages";
  generate.tool_use.registered = std::move(registered);
  ApplyDefaults(defaults, generate.sampling);
  STRATA_CHECK(ReadFields(json, table, request));
  for (const char* required : {"model", "max_tokens", "messages"}) {
    if (!Has(json, required) && !(counting && required == std::string_view("max_tokens"))) {
      return BadField(required, "is missing");
    }
  }
  Conversation conversation;
  if (Has(json, "system")) STRATA_CHECK(ReadSystem(json["system"], "system", conversation));
  STRATA_CHECK(ReadMessages(json["messages"], "messages", conversation));
  if (conversation.last_role() == "assistant") {  // Anthropic's prefill: the answer goes on from there
    generate.chat_input.continue_final_message = true;
    generate.chat_input.add_generation_prompt = false;
  }
  Variables(generate.chat_input)["messages"] = conversation.Take();
  STRATA_CHECK(CheckToolUse(generate.tool_use));
  generate.chat_input.may_call_tools = generate.tool_use.tools != nullptr;
  TellTemplateOfThinking(generate);
  return request;
}

}  // namespace strata::serve::anthropic
