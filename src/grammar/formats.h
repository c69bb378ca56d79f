// JSON Schema's `format`s as regular languages over a string's content (draft 2020-12, validation, section 7.3).
#pragma once

#include <optional>
#include <string_view>

#include "grammar/regex.h"

namespace strata::grammar {

/// Every string of the language is valid for the format by its RFC, also in the eyes of strict validators; nullopt for a
/// format that is unknown or not regular.
std::optional<RegexId> FormatRegex(RegexStore& store, std::string_view format);

}  // namespace strata::grammar
