#include <algorithm>
#include <array>

#include "serve/request_fields.h"

namespace strata::serve {
namespace {

using R = GenerateRequest;
constexpr std::size_t kMaxPrompts = 1024;  // what the engine's queue holds

ChatInput& ChatOf(R& r) { return r.chat_input; }

std::vector<Field<R>> MakeChatTable() {
  std::vector<Field<R>> t;
  AppendCommonFields(t);
  AppendChatInputFields(t, ChatOf);
  AppendThinkingFields(t);
  t.push_back(BoolField<R>("add_special_tokens", [](R& r) -> bool& { return r.chat_input.add_special_tokens; }));
  const auto max_tokens = [](R& r) -> std::optional<std::int64_t>& { return r.max_tokens; };
  t.push_back(IntegerField<R>("max_tokens", 0, INT32_MAX, max_tokens));
  t.push_back(IntegerField<R>("max_completion_tokens", 0, INT32_MAX, max_tokens));
  t.push_back({"logprobs", [](const Json& v, const std::string& path, R& r) -> Status {
                 bool on = false;
                 STRATA_CHECK(ReadBool(v, path, on));
                 if (on && !r.logprobs) r.logprobs = 0;
                 return {};
               }});
  t.push_back(IntegerField<R>("top_logprobs", 0, 20, [](R& r) -> std::optional<int>& { return r.logprobs; }));
  t.push_back({"tools", [](const Json& v, const std::string&, R& r) -> Status {
                 Json offered;
                 STRATA_CHECK(ReadTools(v, r.tool_use, offered));
                 if (!offered.empty()) Variables(r.chat_input)["tools"] = std::move(offered);
                 return {};
               }});
  t.push_back(
      {"tool_choice", [](const Json& v, const std::string&, R& r) -> Status { return ReadToolChoice(v, r.tool_use); }});
  t.push_back(BoolField<R>("parallel_tool_calls", [](R& r) -> bool& { return r.tool_use.parallel; }));
  t.push_back(IntegerField<R>("max_tool_tokens", 0, INT32_MAX,
                              [](R& r) -> std::optional<std::int64_t>& { return r.tool_use.max_prompt_tokens; }));
  t.push_back({"knowledge", [](const Json& v, const std::string& path, R& r) -> Status {
                 if (!v.is_object()) return BadField(path, "must be an object, not {}", v.type_name());
                 r.knowledge = std::make_shared<const Json>(v);
                 return {};
               }});
  t.push_back(RefusedField<R>("functions", {"[]"}));
  t.push_back(RefusedField<R>("function_call", {"\"none\""}));
  t.push_back(RefusedField<R>("modalities", {R"(["text"])"}));
  t.push_back(RefusedField<R>("store", {"false"}));
  t.push_back(RefusedField<R>("verbosity", {"\"medium\""}));
  t.push_back(RefusedField<R>("echo", {"false"}));
  t.push_back(RefusedField<R>("include_reasoning", {"true"}));
  t.push_back(AcceptedField<R>("prediction", JsonType::kObject));  // OpenAI's guess at the answer: speed, not content
  for (const std::string_view name :
       {"audio", "web_search_options", "moderation", "chat_template", "mm_processor_kwargs"}) {
    t.push_back(RefusedField<R>(name));
  }
  return t;
}

std::vector<Field<R>> MakeCompletionTable() {
  std::vector<Field<R>> t;
  AppendCommonFields(t);
  t.push_back({"prompt", [](const Json& v, const std::string& path, R& r) {
                 return ReadPromptInputs(v, path, kMaxPrompts, r.prompts);
               }});
  t.push_back(
      IntegerField<R>("max_tokens", 0, INT32_MAX, [](R& r) -> std::optional<std::int64_t>& { return r.max_tokens; }));
  t.push_back(IntegerField<R>("logprobs", 0, 20, [](R& r) -> std::optional<int>& { return r.logprobs; }));
  t.push_back(BoolField<R>("echo", [](R& r) -> bool& { return r.echo; }));
  t.push_back(BoolField<R>("add_special_tokens", [](R& r) -> bool& { return r.add_special_tokens; }));
  // best_of = n asks for nothing more than n; it is compared once n is known (CheckBestOf).
  t.push_back({"best_of", [](const Json& v, const std::string& path, R&) {
                 int ignored = 0;
                 return ReadInteger(v, path, 1, 128, ignored);
               }});
  t.push_back(RefusedField<R>("suffix", {"\"\""}));
  t.push_back(RefusedField<R>("prompt_embeds"));
  return t;
}

Status CheckBestOf(const Json& body, const R& r) {
  const auto best_of = body.find("best_of");
  if (best_of == body.end() || best_of->is_null() || *best_of == r.n) return {};
  return std::unexpected(
      Error(ErrorCode::kUnsupported, "best_of is not supported yet, unless it equals n").WithParam("best_of"));
}

/// An answer out of a knowledge base is written by the base's rules: what else would change it is refused.
Status CheckKnowledge(const Json& body, R& r) {
  static constexpr std::array<std::string_view, 10> kTogether = {
      "knowledge",   "messages", "model",          "max_tokens", "max_completion_tokens",
      "temperature", "stream",   "stream_options", "user",       "request_id"};
  for (const auto& [name, value] : body.items()) {
    if (!value.is_null() && std::ranges::find(kTogether, name) == kTogether.end()) {
      return BadField(name, "cannot be combined with knowledge");
    }
  }
  // The model's own defaults are for chats.
  if (const auto asked = body.find("temperature"); asked == body.end() || asked->is_null()) r.sampling.temperature = 0;
  return {};
}

}  // namespace

void ApplyDefaults(const GenerationDefaults& defaults, SamplingParams& sampling) {
  if (defaults.temperature) sampling.temperature = *defaults.temperature;
  if (defaults.top_p) sampling.top_p = *defaults.top_p;
  if (defaults.min_p) sampling.min_p = *defaults.min_p;
  if (defaults.top_k) sampling.top_k = *defaults.top_k;
  if (defaults.repetition_penalty) sampling.repetition_penalty = *defaults.repetition_penalty;
}

Result<GenerateRequest> ParseChatRequest(std::string_view body, const GenerationDefaults& defaults,
                                         std::shared_ptr<const tools::ToolSet> registered) {
  static const std::vector<Field<R>> table = MakeChatTable();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  request.chat = true;
  request.prompt_field = "messages";
  request.tool_use.registered = std::move(registered);
  Variables(request.chat_input);
  ApplyDefaults(defaults, request.sampling);
  STRATA_CHECK(ReadFields(json, table, request));
  if (!request.chat_input.variables->contains("messages")) return BadField("messages", "is missing");
  const auto flag = json.find("logprobs");
  if (const auto top = json.find("top_logprobs");
      top != json.end() && !top->is_null() && (flag == json.end() || *flag != true)) {
    if (*top != 0) return BadField("top_logprobs", "needs logprobs to be true");
    request.logprobs.reset();
  }
  if (request.chat_input.continue_final_message && request.chat_input.add_generation_prompt) {
    if (const auto asked = json.find("add_generation_prompt"); asked != json.end() && *asked == true) {
      return BadField("continue_final_message", "cannot be combined with add_generation_prompt");
    }
    request.chat_input.add_generation_prompt = false;
  }
  const auto old_limit = json.find("max_tokens"), new_limit = json.find("max_completion_tokens");
  if (new_limit != json.end() && new_limit->is_number() && old_limit != json.end())
    request.max_tokens = new_limit->get<std::int64_t>();
  STRATA_CHECK(CheckToolUse(request.tool_use));
  request.chat_input.may_call_tools = request.tool_use.tools != nullptr;
  TellTemplateOfThinking(request);
  STRATA_CHECK(CheckTogether(json, request));
  if (request.knowledge) STRATA_CHECK(CheckKnowledge(json, request));
  return request;
}

Result<GenerateRequest> ParseCompletionRequest(std::string_view body, const GenerationDefaults& defaults) {
  static const std::vector<Field<R>> table = MakeCompletionTable();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  request.prompt_field = "prompt";
  ApplyDefaults(defaults, request.sampling);
  STRATA_CHECK(ReadFields(json, table, request));
  if (request.prompts.empty()) return BadField("prompt", "is missing");
  if (request.prompts.size() * static_cast<std::size_t>(request.n) > kMaxPrompts) {
    return BadField("n", "prompts times n must not exceed {}", kMaxPrompts);
  }
  STRATA_CHECK(CheckBestOf(json, request));
  STRATA_CHECK(CheckTogether(json, request));
  return request;
}

Result<TokenizeRequest> ParseTokenizeRequest(std::string_view body) {
  using T = TokenizeRequest;
  static const std::vector<Field<T>> table = [] {
    std::vector<Field<T>> t;
    t.push_back({"model", [](const Json& v, const std::string& path, T& r) { return ReadString(v, path, r.model); }});
    t.push_back({"prompt",
                 [](const Json& v, const std::string& path, T& r) { return ReadString(v, path, r.prompt.emplace()); }});
    AppendChatInputFields(t, [](T& r) -> ChatInput& { return r.chat_input ? *r.chat_input : r.chat_input.emplace(); });
    t.push_back({"tools", [](const Json& v, const std::string& path, T& r) -> Status {
                   if (!v.is_array()) return BadField(path, "must be an array, not {}", v.type_name());
                   Variables(r.chat_input ? *r.chat_input : r.chat_input.emplace())["tools"] = v;
                   return {};
                 }});
    t.push_back(BoolField<T>("add_special_tokens", [](T& r) -> bool& { return r.add_special_tokens; }));
    t.push_back(BoolField<T>("return_token_strs", [](T& r) -> bool& { return r.return_token_strs; }));
    return t;
  }();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  T request;
  STRATA_CHECK(ReadFields(json, table, request));
  const bool has_messages =
      request.chat_input && request.chat_input->variables && request.chat_input->variables->contains("messages");
  if (request.prompt.has_value() == has_messages)
    return BadField("prompt", "exactly one of prompt and messages must be given");
  if (has_messages && !json.contains("add_special_tokens")) request.add_special_tokens = false;
  if (!has_messages) request.chat_input.reset();
  return request;
}

Result<DetokenizeRequest> ParseDetokenizeRequest(std::string_view body) {
  using T = DetokenizeRequest;
  static const std::vector<Field<T>> table = {
      {"model", [](const Json& v, const std::string& path, T& r) { return ReadString(v, path, r.model); }},
      {"tokens", [](const Json& v, const std::string& path, T& r) { return ReadTokenIds(v, path, r.tokens); }}};
  STRATA_TRY(const Json json, ParseJsonObject(body));
  T request;
  STRATA_CHECK(ReadFields(json, table, request));
  if (!json.contains("tokens") || json["tokens"].is_null()) return BadField("tokens", "is missing");
  return request;
}

}  // namespace strata::serve
