// Request bodies as plain data, and the strict parsers that make them. Every field a client may send is in a table
// (request_fields.cc; docs/api.md lists them): implemented, accepted because it cannot change the answer, or refused by
// name. Errors: kInvalidArgument or kUnsupported with the field's path as param ("messages[2].content[0].type").
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/text_stream.h"
#include "formats/model_config.h"
#include "grammar/format.h"
#include "serve/tools/tool.h"

namespace strata::serve {

/// What the chat template gets.
struct ChatInput {
  std::shared_ptr<nlohmann::ordered_json>
      variables;  ///< object: messages, tools, documents, chat_template_kwargs' members
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  bool add_special_tokens = false;  ///< the template writes them
  bool may_call_tools = true;       ///< tools are described to the model also where the template does not do it
};

/// What a chat request says of tools.
struct ToolUse {
  std::shared_ptr<const tools::ToolSet> tools;  ///< null: there are none, or none may be called
  tools::ToolChoice choice;
  bool parallel = true;  ///< false: one call at most
  /// The client counts on which tool is called, on arguments that fit their schema, or on a text of a custom format.
  bool constrained = false;
  /// Of the tools that the prompt carries, in the place of the server's.
  std::optional<std::int64_t> max_prompt_tokens = {};
  std::shared_ptr<const tools::ToolSet> registered = {};  ///< the operator's, which the request may name; null: none
};

/// What a chat request says of how much the model is to think.
struct Thinking {
  std::optional<bool> wanted = {};          ///< whether it is to think at all
  std::string effort = {};                  ///< none, minimal, low, medium, high, xhigh, max; "" = nothing is said
  std::optional<std::int64_t> budget = {};  ///< tokens, at most
  std::string param = {};                   ///< the field that says so
};

using PromptInput = std::variant<std::string, std::vector<TokenId>>;

struct GenerateRequest {
  bool chat = false;
  std::string_view prompt_field;  ///< what the protocol calls its messages or prompts
  std::string model;
  ChatInput chat_input;              ///< chat
  ToolUse tool_use;                  ///< chat
  Thinking thinking;                 ///< chat
  std::vector<PromptInput> prompts;  ///< completions; not empty
  bool add_special_tokens = true;    ///< completions

  SamplingParams sampling;  ///< max_tokens is filled in when the prompt's length is known
  std::optional<std::int64_t> max_tokens;
  bool clip_max_tokens = false;  ///< more than fits the context means as many as fit, and is no error
  std::optional<std::int64_t> truncate_prompt_tokens;  ///< keep the last so many; -1 = as many as fit
  int n = 1;
  int priority = 0;
  std::string cache_salt;   ///< prefixes are shared only between requests of the same one
  std::int32_t tenant = 0;  ///< of its API key
  /// Chat: the object of that name: the answer is out of a knowledge base (knowledge/chat.h); null: it is not.
  std::shared_ptr<const nlohmann::ordered_json> knowledge;
  std::optional<int> logprobs;                ///< alternatives shown for each token
  std::optional<int> prompt_logprobs;         ///< vLLM's field of its own
  std::optional<grammar::Format> constraint;  ///< what the answer's text must be
  std::string constraint_param;               ///< the field that says so
  /// What the engine holds the model's thoughts to; filled in when the prompt is known.
  std::optional<ThinkingBudget> thinking_limit;
  TextStreamOptions text;
  bool echo = false;
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  bool return_token_ids = false;
  bool tokens_as_ids = false;  ///< "token_id:123" in the place of a token's text
  std::string request_id;
};

struct TokenizeRequest {
  std::string model;
  std::optional<std::string> prompt;
  std::optional<ChatInput> chat_input;
  bool add_special_tokens = true;
  bool return_token_strs = false;
};

struct DetokenizeRequest {
  std::string model;
  std::vector<TokenId> tokens;
};

/// `defaults` are the model's; the request's own fields win. `registered`: ToolUse's.
Result<GenerateRequest> ParseChatRequest(std::string_view body, const GenerationDefaults& defaults = {},
                                         std::shared_ptr<const tools::ToolSet> registered = nullptr);
Result<GenerateRequest> ParseCompletionRequest(std::string_view body, const GenerationDefaults& defaults = {});
Result<TokenizeRequest> ParseTokenizeRequest(std::string_view body);
Result<DetokenizeRequest> ParseDetokenizeRequest(std::string_view body);

/// A JSON object from the outside: depth and members are bounded before anything is built (an object of 10^6 members
/// costs 10^12 comparisons where order is kept). Errors: kInvalidArgument with line and column.
Result<nlohmann::ordered_json> ParseJsonObject(std::string_view body);

/// tools: functions and custom tools, checked; `offered` gets them as templates expect them: as functions, with
/// parameters where they have none.
Status ReadTools(const nlohmann::ordered_json& value, ToolUse& use, nlohmann::ordered_json& offered);
/// tool_choice; whether its tools exist is for CheckToolUse.
Status ReadToolChoice(const nlohmann::ordered_json& value, ToolUse& use);
/// What tools and tool_choice say together. Without tools that may be called, use.tools is null afterwards; whether
/// they need a constraint is use.constrained.
Status CheckToolUse(ToolUse& use);

/// messages: roles, contents and parts, checked, as templates take them: text parts stay parts (templates know them),
/// calls of custom tools become calls of functions.
Result<nlohmann::ordered_json> ReadMessages(nlohmann::ordered_json messages);

}  // namespace strata::serve
