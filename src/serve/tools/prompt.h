// Tools in the prompts of models whose chat template has no place for them.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "serve/tools/dialect.h"

namespace strata::serve::tools {

/// What the model must be told of `tools` (OpenAI's array), and how it calls them.
std::string ToolPrompt(const Dialect& dialect, const nlohmann::ordered_json& tools);

/// Puts `text` at the end of the first system message, which is made where there is none; or, where the template takes
/// no such message, in front of what the user says first.
void AddInstructions(const std::string& text, bool takes_system, nlohmann::ordered_json& messages);

/// Puts the tools there.
void AddToolPrompt(const Dialect& dialect, const nlohmann::ordered_json& tools, bool takes_system,
                   nlohmann::ordered_json& messages);

/// Writes calls of past turns as the model wrote them, and their results as turns of the user. Arguments are objects.
void WriteCallsAsText(const Dialect& dialect, nlohmann::ordered_json& messages);

}  // namespace strata::serve::tools
