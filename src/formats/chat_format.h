// What a chat template can do by itself, and the prompt that it makes of a conversation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "formats/chat_template.h"
#include "formats/tokenizer.h"

namespace strata {

/// A template and what it can do by itself, found by trying it.
struct ChatFormat {
  std::shared_ptr<const ChatTemplate> chat_template;
  bool takes_parts = false;        ///< content that is an array of parts ({"type": "text", "text": ...})
  bool takes_system = false;       ///< messages of the role system
  bool shows_tools = false;        ///< `tools`
  bool shows_calls = false;        ///< an assistant's tool_calls
  bool arguments_as_text = false;  ///< it wants the arguments of calls as JSON text, not as objects
};
ChatFormat ProbeTemplate(std::shared_ptr<const ChatTemplate> chat_template);

/// Renders as transformers' apply_chat_template does: `variables` has messages and add_generation_prompt; tools and
/// documents are none where they are absent; bos_token and eos_token are the tokenizer's. Errors:
/// ChatTemplate::Render's.
Result<std::string> RenderPrompt(const ChatTemplate& chat_template, nlohmann::ordered_json variables,
                                 const Tokenizer& tokenizer, std::int64_t now_unix_seconds);

}  // namespace strata
