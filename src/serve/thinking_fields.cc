// How much the model is to think: OpenAI's reasoning_effort, Anthropic's thinking, vLLM's thinking_token_budget, and
// what Qwen's API has.
#include <algorithm>
#include <array>

#include "serve/request_fields.h"

namespace strata::serve {
namespace {

using R = GenerateRequest;
constexpr std::array<std::string_view, 7> kEfforts = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

Status ReadBudget(const Json& value, const std::string& path, R& r) {
  std::int64_t tokens = 0;
  STRATA_CHECK(ReadInteger(value, path, 0, INT32_MAX, tokens));
  return GrantThinking(tokens, path, r.thinking);
}

/// {"type": "enabled", "budget_tokens": 2048}, as several vendors' APIs for chat have it.
Status ReadThinking(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  STRATA_CHECK(CheckMembers(value, path, {"type", "budget_tokens"}));
  STRATA_TRY(const std::string type, StringMember(value, path, "type"));
  if (type != "enabled" && type != "disabled") {
    return BadField(path + ".type", "must be \"enabled\" or \"disabled\"");
  }
  AskForThinking(type == "enabled", path, r.thinking);
  const auto budget = value.find("budget_tokens");
  if (budget == value.end() || budget->is_null()) return {};
  if (type == "disabled") return BadField(path + ".budget_tokens", "is for type \"enabled\"");
  return ReadBudget(*budget, path + ".budget_tokens", r);
}

}  // namespace

Status GrantThinking(std::int64_t tokens, const std::string& path, Thinking& thinking) {
  if (thinking.budget) return BadField(path, "the budget is given by {} already", thinking.param);
  thinking.budget = tokens;
  thinking.param = path;
  return {};
}

Status ReadReasoningEffort(const Json& value, const std::string& path, Thinking& thinking) {
  STRATA_CHECK(ReadEffort(value, path, thinking));
  if (!thinking.wanted) thinking.wanted = thinking.effort != "none";
  return {};
}

void AskForThinking(bool wanted, const std::string& path, Thinking& thinking) {
  thinking.wanted = wanted;
  if (!thinking.budget) thinking.param = path;
}

Status ReadEffort(const Json& value, const std::string& path, Thinking& thinking) {
  STRATA_CHECK(ReadString(value, path, thinking.effort));
  if (std::ranges::find(kEfforts, thinking.effort) == kEfforts.end()) {
    return BadField(path, "must be one of {}", fmt::join(kEfforts, ", "));
  }
  if (!thinking.budget) thinking.param = path;
  return {};
}

void TellTemplateOfThinking(GenerateRequest& request) {
  const Thinking& thinking = request.thinking;
  Json& variables = Variables(request.chat_input);
  const auto tell = [&](const char* name, const Json& value) {
    if (!variables.contains(name)) variables[name] = value;
  };
  if (thinking.wanted) {
    tell("enable_thinking", *thinking.wanted);
    tell("thinking", *thinking.wanted);
  }
  if (!thinking.effort.empty()) {
    tell("reasoning_effort", thinking.effort);
    tell("thinking_effort", thinking.effort);
  }
  if (thinking.budget) tell("thinking_budget", *thinking.budget);
}

void AppendThinkingFields(std::vector<Field<R>>& t) {
  t.push_back({"reasoning_effort",
               [](const Json& v, const std::string& path, R& r) { return ReadReasoningEffort(v, path, r.thinking); }});
  t.push_back({"enable_thinking", [](const Json& v, const std::string& path, R& r) -> Status {
                 bool wanted = false;
                 STRATA_CHECK(ReadBool(v, path, wanted));
                 AskForThinking(wanted, path, r.thinking);
                 return {};
               }});
  t.push_back({"thinking", ReadThinking});
  t.push_back({"thinking_token_budget", ReadBudget});
  t.push_back({"thinking_budget", ReadBudget});
}

}  // namespace strata::serve
