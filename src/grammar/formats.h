// JSON Schema's `format`s as regular languages over a string's content (draft 2020-12, validation, section 7.3).
#pragma once

#include <optional>
#include <string_view>

#include "grammar/regex.h"

namespace strata::grammar {

/// The formats of the draft that are regular, and OpenAPI's byte. Every string of the language is valid for the format
/// by its RFC, also in the eyes of strict validators; so a few valid strings are not in it, and its complement is not
/// what a negated format means: leap seconds, the year 0, URI templates' prefixes of 1,000 and more, hostnames with
/// A-labels (xn--), most non-ASCII domains of idn-email.
///
/// nullopt for a format that is unknown or not regular (regex, idn-hostname), that is about numbers (int32, int64,
/// float, double) or that says nothing exact of a string (url, path, password, binary).
std::optional<RegexId> FormatRegex(RegexStore& store, std::string_view format);

/// Whether the draft defines a format of strings that FormatRegex does not know: one that must not be passed over,
/// unlike names that nobody defines, which are annotations.
bool IsDefinedButNotHeld(std::string_view format);

/// Whether FormatRegex's language is the whole format, so that its complement is the negated format.
bool IsHeldExactly(std::string_view format);

}  // namespace strata::grammar
