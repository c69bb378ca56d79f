// Literals of Python, turned into JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/tools/scan.h"

namespace strata::serve::tools {

/// Takes letters, digits, and what else names of functions are made of.
Parse<std::string> ReadPythonName(Input& input);

/// Reads the literal that begins here and gives `json` its JSON while it comes. What is no literal (an expression)
/// becomes a string. Whether it was whole.
Parse<bool> ReadPythonLiteral(Input& input, Sink json);

/// A list, tuple or dictionary as JSON; nothing when the text is none.
std::optional<std::string> JsonOfPython(std::string_view text);

}  // namespace strata::serve::tools
