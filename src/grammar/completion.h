// How a text can be brought to an end from where it stands.
#pragma once

#include <optional>
#include <string>

#include "grammar/machine.h"

namespace strata::grammar {

/// Bytes after which the text is of the grammar: few, though not always the fewest. Empty where it may end already;
/// nullopt where a search of bounded size finds none.
std::optional<std::string> FindCompletion(Machine& machine, ConfigId from);

}  // namespace strata::grammar
