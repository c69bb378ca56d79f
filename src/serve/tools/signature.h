// A tool in few words, for prompts: its schema as a signature, which small models read better than JSON Schema and
// which takes a third of the tokens.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace strata::serve::tools {

/// "get_weather(city: string, unit?: "C" | "F")", then its description and those of its parameters, a line each.
/// `function`: {"name", "description", "parameters"}. What a signature cannot say (bounds, patterns) is left out: a
/// constraint holds it, or nothing does.
std::string Signature(const nlohmann::ordered_json& function);

}  // namespace strata::serve::tools
