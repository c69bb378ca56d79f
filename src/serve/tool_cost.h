// What a tool's description costs in the prompt of a model.
#pragma once

#include <cstdint>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "formats/tokenizer.h"
#include "serve/chat_prompt.h"

namespace strata::serve {

/// How a model's prompts are made, as far as tools are concerned. What it refers to must outlive it.
struct ToolPrompting {
  const ChatFormat& chat;
  const tools::Dialect& dialect;
  const Tokenizer& tokenizer;
};

/// Tokens of a short conversation's prompt in which `tools` (OpenAI's array) are described. Errors: the template's.
Result<std::int64_t> PromptTokensWith(const ToolPrompting& prompting, const nlohmann::ordered_json& tools);

/// Tokens that `tool` adds beside other tools: what the template says once for all of them is not counted.
class ToolCosts {
 public:
  explicit ToolCosts(const ToolPrompting& prompting) : prompting_(prompting) {}

  /// Errors: the template's.
  Result<std::int64_t> Of(const nlohmann::ordered_json& tool);
  /// Tokens that a prompt has more with `tools` (OpenAI's array) than without, what is said once included.
  Result<std::int64_t> OfAll(const nlohmann::ordered_json& tools) const;

 private:
  const ToolPrompting prompting_;
  std::int64_t without_ = -1;  ///< tokens where there is one other tool only; -1: not known yet
};

}  // namespace strata::serve
