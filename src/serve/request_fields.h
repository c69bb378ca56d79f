// Rows that the endpoints share. Internal to the request parsers.
#pragma once

#include <vector>

#include "serve/field_table.h"
#include "serve/request.h"

namespace strata::serve {

/// Sampling, stopping, streaming and housekeeping: the same in chat and completions.
void AppendCommonFields(std::vector<Field<GenerateRequest>>& table);

/// messages, tools, documents and the template's switches, for a request with a ChatInput.
template <class Request, class Get>
void AppendChatInputFields(std::vector<Field<Request>>& table, Get input);

/// response_format and its relatives.
void AppendConstraintFields(std::vector<Field<GenerateRequest>>& table);
/// The answer is a JSON value of this schema, or any object. Errors: kInvalidArgument: no schema, or a second
/// constraint.
Status ConstrainBySchema(const Json& value, const std::string& path, GenerateRequest& request);
Status ConstrainToObject(const std::string& path, GenerateRequest& request);

/// reasoning_effort and its relatives.
void AppendThinkingFields(std::vector<Field<GenerateRequest>>& table);
/// How hard to think, if at all: Anthropic's effort; and OpenAI's, which also says whether.
Status ReadEffort(const Json& value, const std::string& path, Thinking& thinking);
Status ReadReasoningEffort(const Json& value, const std::string& path, Thinking& thinking);
void AskForThinking(bool wanted, const std::string& path, Thinking& thinking);
/// Errors: kInvalidArgument: a second budget.
Status GrantThinking(std::int64_t tokens, const std::string& path, Thinking& thinking);
/// Says all this to the chat template, by the names that templates have for it, but for what the request itself gives
/// it (chat_template_kwargs).
void TellTemplateOfThinking(GenerateRequest& request);

/// stop: a string, or up to 16 of them.
Status ReadStop(const Json& value, const std::string& path, GenerateRequest& request);

/// Of a tool whose members stand beside its type: what Anthropic's and the Responses API have in common. Its type must
/// be checked before.
void AppendToolFields(std::vector<Field<tools::Tool>>& table);
std::unexpected<Error> UnsupportedToolType(const Json& type, const std::string& path, std::string_view only);

Status ReadTokenIds(const Json& value, const std::string& path, std::vector<TokenId>& out);
/// A string, strings, token ids, or arrays of them; at most `most` inputs.
Status ReadPromptInputs(const Json& value, const std::string& path, std::size_t most, std::vector<PromptInput>& out);

/// What no single field can tell: n against seeds, stream_options without stream, echo, max_tokens 0.
Status CheckTogether(const Json& body, const GenerateRequest& request);

/// What the model's publisher recommends, where the request says nothing.
void ApplyDefaults(const GenerationDefaults& defaults, SamplingParams& sampling);

inline Json& Variables(ChatInput& input) {
  if (!input.variables) input.variables = std::make_shared<Json>(Json::object());
  return *input.variables;
}

template <class Request, class Get>
void AppendChatInputFields(std::vector<Field<Request>>& table, Get input) {
  table.push_back({"messages", [input](const Json& v, const std::string&, Request& r) -> Status {
                     STRATA_TRY(Variables(input(r))["messages"], ReadMessages(v));
                     return {};
                   }});
  table.push_back({"chat_template_kwargs", [input](const Json& v, const std::string& path, Request& r) -> Status {
                     if (!v.is_object()) return BadField(path, "must be an object, not {}", v.type_name());
                     for (const auto& [name, value] : v.items()) {
                       if (name == "messages" || name == "tools" || name == "add_generation_prompt") {
                         return BadField(fmt::format("{}.{}", path, name), "has a field of its own");
                       }
                       Variables(input(r))[name] = value;
                     }
                     return {};
                   }});
  table.push_back({"documents", [input](const Json& v, const std::string& path, Request& r) -> Status {
                     if (!v.is_array()) return BadField(path, "must be an array, not {}", v.type_name());
                     Variables(input(r))["documents"] = v;
                     return {};
                   }});
  table.push_back(BoolField<Request>("add_generation_prompt",
                                     [input](Request& r) -> bool& { return input(r).add_generation_prompt; }));
  table.push_back(BoolField<Request>("continue_final_message",
                                     [input](Request& r) -> bool& { return input(r).continue_final_message; }));
}

}  // namespace strata::serve
