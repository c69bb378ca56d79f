// From a conversation to the text that the model continues.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/chat_format.h"
#include "formats/tokenizer.h"
#include "serve/request.h"
#include "serve/tools/dialect.h"

namespace strata::serve {

/// Renders the template as transformers' apply_chat_template does: messages, tools, documents (none where absent),
/// bos_token and eos_token, add_generation_prompt, and the request's chat_template_kwargs. Arguments of past tool calls
/// are given as objects, content parts as one text where the template takes no parts; tools, calls and their results
/// are written by `dialect` where the template does not show them. With continue_final_message the prompt ends where
/// the final message's content ends. Errors: kInvalidArgument with param "messages": the template's own words
/// (raise_exception), a limit, or a final message that the template does not show.
Result<std::string> RenderChat(const ChatFormat& format, const tools::Dialect& dialect, const ChatInput& input,
                               const Tokenizer& tokenizer, std::int64_t now_unix_seconds);

}  // namespace strata::serve
