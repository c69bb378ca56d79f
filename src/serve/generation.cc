#include "serve/generation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "serve/chat_prompt.h"
#include "serve/thinking.h"
#include "serve/tool_constraint.h"
#include "serve/tools/prompt.h"

namespace strata::serve {
namespace {

using Prompts = std::vector<std::shared_ptr<const Prompt>>;

tools::ReasoningState ReasoningOf(const LoadedModel& model, const Prompt& prompt) {
  return {.format = model.reasoning,
          .open = model.reasoning != nullptr && tools::PromptOpensReasoning(*model.reasoning, prompt.text)};
}

std::unexpected<ApiError> Refuse(std::string param, std::string code, std::string message) {
  return std::unexpected(ApiError{.message = std::move(message), .param = std::move(param), .code = std::move(code)});
}

Prompt CompletionPrompt(const LoadedModel& model, const GenerateRequest& request, const PromptInput& input) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) {
    return {.text = request.echo ? model.tokenizer().Decode(*tokens) : std::string(), .tokens = *tokens};
  }
  const auto& text = std::get<std::string>(input);
  return {.text = text,
          .tokens = model.tokenizer().Encode(
              text, {.add_special_tokens = request.add_special_tokens, .parse_special = true})};
}

/// Leaves out of `input` the tools that its prompt shall not carry, and tells the model the names of some of them.
/// Nothing where it carries all.
std::optional<CarriedTools> CarryTools(const LoadedModel& model, const ToolUse& use, ChatInput& input) {
  const auto offered = input.variables->find("tools");
  if (offered == input.variables->end() || !offered->is_array()) return std::nullopt;
  SelectionRules rules{.max_tokens = use.max_prompt_tokens.value_or(model.max_tool_tokens)};
  rules.always.insert(use.choice.allowed.begin(), use.choice.allowed.end());
  if (use.tools) {
    for (const tools::Tool& tool : use.tools->all()) {
      if (tool.deferred) rules.deferred.insert(tool.name);
    }
  }
  const ToolSelection selection = SelectTools(rules, *offered, input.variables->at("messages"), *model.tool_tokens);
  if (selection.left_out.empty()) return std::nullopt;
  CarriedTools carried{.names = {}, .offered = offered->size()};
  auto variables = std::make_shared<nlohmann::ordered_json>(*input.variables);
  nlohmann::ordered_json kept = nlohmann::ordered_json::array();
  for (const std::size_t tool : selection.carried) {
    carried.names.push_back(ToolNameOf((*offered)[tool]));
    kept.push_back((*offered)[tool]);
  }
  if (use.tools) {
    const std::string others = TellOthers(rules, selection, *offered, model.tokenizer());
    if (!others.empty()) tools::AddInstructions(others, model.ChatFor(input).takes_system, variables->at("messages"));
  }
  // Without any, a template must not announce tools.
  if (kept.empty()) {
    variables->erase("tools");
  } else {
    (*variables)["tools"] = std::move(kept);
  }
  input.variables = std::move(variables);
  return carried;
}

/// Keeps the last tokens, as truncate_prompt_tokens asks.
void Truncate(const LoadedModel& model, const GenerateRequest& request, Prompt& prompt) {
  if (!request.truncate_prompt_tokens) return;
  const std::int64_t wanted = *request.truncate_prompt_tokens;
  const std::int64_t room = model.max_context - request.max_tokens.value_or(1);
  const auto keep = static_cast<std::size_t>(std::max<std::int64_t>(wanted == -1 ? room : wanted, 1));
  if (prompt.tokens.size() <= keep) return;
  prompt.tokens.erase(prompt.tokens.begin(), prompt.tokens.end() - static_cast<std::ptrdiff_t>(keep));
  if (request.echo) prompt.text = model.tokenizer().Decode(prompt.tokens);
}

/// Errors name the numbers, as clients' tools look for them.
std::expected<void, ApiError> CheckLength(const LoadedModel& model, const GenerateRequest& request,
                                          const std::string& field, std::int64_t length) {
  if (length == 0) return Refuse(field, "", fmt::format("{}: the prompt has no tokens", field));
  const std::int64_t least = request.max_tokens && *request.max_tokens == 0 ? 0 : 1;
  if (length + least > model.max_context) {
    return Refuse(field, "context_length_exceeded",
                  fmt::format("This model's maximum context length is {} tokens, but the prompt has {} tokens. Please "
                              "shorten the prompt.",
                              model.max_context, length));
  }
  if (!request.clip_max_tokens && request.max_tokens && *request.max_tokens > model.max_context - length) {
    return Refuse(
        "max_tokens", "context_length_exceeded",
        fmt::format("max_tokens (or max_completion_tokens) is too large: {}. This model's maximum context "
                    "length is {} tokens and the prompt has {} tokens ({} > {} - {}).",
                    *request.max_tokens, model.max_context, length, *request.max_tokens, model.max_context, length));
  }
  return {};
}

std::expected<void, ApiError> CheckTokens(const LoadedModel& model, const std::string& field,
                                          const std::vector<TokenId>& tokens) {
  const std::int64_t vocab = model.served->engine->runner().config().vocab;
  for (const TokenId token : tokens) {
    if (token >= 0 && token < vocab) continue;
    return Refuse(field, "", fmt::format("{}: token {} is outside of the vocabulary [0, {})", field, token, vocab));
  }
  return {};
}

bool IsResult(const nlohmann::ordered_json& message) { return message.value("role", "") == "tool"; }

/// Hides the special tokens that are written in what tools return and in what tools are said to be. False where there
/// are none, and `input` is as it was.
bool HideData(const SpecialTexts& specials, ChatInput& input) {
  const auto& variables = *input.variables;
  const auto has = [&](const char* name) { return variables.contains(name) && specials.Has(variables[name]); };
  const auto result_has = [&](const auto& message) { return IsResult(message) && specials.Has(message); };
  if (!has("tools") && !std::ranges::any_of(variables.at("messages"), result_has)) return false;
  auto hidden = std::make_shared<nlohmann::ordered_json>(variables);
  if (hidden->contains("tools")) specials.Hide((*hidden)["tools"]);
  for (auto& message : hidden->at("messages")) {
    if (IsResult(message)) specials.Hide(message);
  }
  input.variables = std::move(hidden);
  return true;
}

}  // namespace

std::expected<Prompt, ApiError> RenderPrompt(const LoadedModel& model, const ChatInput& input, const ToolUse& use) {
  if (!model.chat) {
    return Refuse("messages", "no_chat_template",
                  "The model has no chat template, so it cannot take messages; /v1/completions takes a prompt.");
  }
  ChatInput shown = input;
  std::optional<CarriedTools> carried = CarryTools(model, use, shown);
  const bool hidden = HideData(*model.specials, shown);
  auto text = RenderChat(model.ChatFor(input), *model.dialect, shown, model.tokenizer(), UnixSeconds());
  if (!text) return std::unexpected(ToApiError(text.error()));
  Prompt prompt{.text = std::move(*text), .tokens = {}, .tools = std::move(carried)};
  prompt.tokens = hidden ? model.specials->Encode(prompt.text, input.add_special_tokens)
                         : model.tokenizer().Encode(
                               prompt.text, {.add_special_tokens = input.add_special_tokens, .parse_special = true});
  return prompt;
}

std::expected<Prompts, ApiError> PreparePrompts(const LoadedModel& model, GenerateRequest& request) {
  std::vector<Prompt> made;
  if (request.chat) {
    auto prompt = RenderPrompt(model, request.chat_input, request.tool_use);
    if (!prompt) {
      if (prompt.error().param == "messages") prompt.error().param = request.prompt_field;
      return std::unexpected(std::move(prompt.error()));
    }
    const tools::ReasoningState reasoning = ReasoningOf(model, *prompt);
    ConstrainAnswer(model, reasoning, request);
    if (const Status status = LimitThinking(model, reasoning, request); !status) {
      return std::unexpected(ToApiError(status.error()));
    }
    made.push_back(std::move(*prompt));
  }
  for (const PromptInput& input : request.prompts) made.push_back(CompletionPrompt(model, request, input));

  const std::string field(request.prompt_field);
  Prompts prompts;
  for (Prompt& prompt : made) {
    Truncate(model, request, prompt);
    if (auto good = CheckTokens(model, field, prompt.tokens); !good) return std::unexpected(std::move(good.error()));
    if (auto good = CheckLength(model, request, field, static_cast<std::int64_t>(prompt.tokens.size())); !good) {
      return std::unexpected(std::move(good.error()));
    }
    prompts.push_back(std::make_shared<const Prompt>(std::move(prompt)));
  }
  request.sampling.logprobs = request.logprobs;
  request.sampling.prompt_logprobs = request.prompt_logprobs;
  if (request.echo && request.logprobs) {
    request.sampling.prompt_logprobs = std::max(*request.logprobs, request.prompt_logprobs.value_or(0));
  }
  // The engine takes max_tokens 0 with prompt logprobs only: without them there would be nothing to compute.
  if (request.max_tokens == 0 && !request.sampling.prompt_logprobs) request.sampling.prompt_logprobs = 0;
  return prompts;
}

AnswerParser MakeAnswerParser(const LoadedModel& model, const GenerateRequest& request, const Prompt& prompt,
                              std::uint64_t id_seed) {
  const bool reads = request.tool_use.tools || model.reasoning != nullptr || model.dialect->MarksContent();
  if (!request.chat || !reads) return {};
  const tools::ReasoningState reasoning = ReasoningOf(model, prompt);
  return {.parser = model.dialect->MakeParser(request.tool_use.tools, {.reasoning = reasoning.format,
                                                                       .reasoning_open = reasoning.open,
                                                                       .one_call = !request.tool_use.parallel,
                                                                       .id_seed = id_seed}),
          .markers = &model.markers};
}

std::uint64_t SeedOfChoice(std::uint64_t seed, int choice) {
  if (choice == 0) return seed;
  // SplitMix64 (Steele, Lea, Flood 2014): neighbours become unrelated.
  std::uint64_t z = seed + static_cast<std::uint64_t>(choice) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

Submission::~Submission() {
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (running_[i]) engine_->Cancel(ids_[i]);
  }
}

Status Submission::Submit(const Prompts& prompts, const GenerateRequest& request,
                          const std::shared_ptr<grammar::Grammar>& grammar,
                          std::chrono::steady_clock::time_point deadline, Mailbox<ChoiceEvent>& events) {
  for (const auto& prompt : prompts) {
    for (int i = 0; i < request.n; ++i) {
      EngineRequest work;
      work.prompt = prompt->tokens;
      work.sampling = request.sampling;
      const std::int64_t room = engine_->max_context() - static_cast<std::int64_t>(prompt->tokens.size());
      work.sampling.max_tokens = std::min(request.max_tokens.value_or(room), room);
      if (work.sampling.seed) work.sampling.seed = SeedOfChoice(*work.sampling.seed, i);
      work.on_event = [send = events.Sender(), choice = static_cast<int>(ids_.size())](EngineEvent&& event) {
        send({choice, MonotonicSeconds(), std::move(event)});
      };
      work.deadline = deadline;
      work.priority = request.priority;
      work.cache_salt = request.cache_salt;
      work.tenant = request.tenant;
      work.grammar = grammar;
      work.thinking = request.thinking_limit;
      STRATA_TRY(const RequestId id, engine_->Submit(std::move(work)));
      ids_.push_back(id);
      running_.push_back(true);
    }
  }
  return {};
}

void Submission::Cancel(int choice) { engine_->Cancel(ids_[static_cast<std::size_t>(choice)]); }

}  // namespace strata::serve
