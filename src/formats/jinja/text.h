// Python's str, as methods of UTF-8 text need it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::jinja {

bool IsPythonSpace(char32_t c);
std::string FromCodePoints(std::u32string_view text);
/// str.strip: of white space, or of any of `chars`.
std::string_view StripLeft(std::string_view text, const std::string* chars = nullptr);
std::string_view StripRight(std::string_view text, const std::string* chars = nullptr);
std::string_view Strip(std::string_view text, const std::string* chars = nullptr);
/// str.split and rsplit; no separator means runs of white space; limit < 0 means none.
std::vector<std::string> Split(std::string_view text, const std::string* separator, std::int64_t limit);
std::vector<std::string> SplitRight(std::string_view text, const std::string* separator, std::int64_t limit);
std::vector<std::string> SplitLines(std::string_view text, bool keep_ends);
std::string Replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t count);
/// Whether upper and lower case of the letter differ.
bool IsCased(char32_t c);
std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string CaseFold(std::string_view text);
std::string SwapCase(std::string_view text);
std::string Capitalize(std::string_view text);
/// str.title: a capital after everything that is no letter, so "it's" becomes "It'S".
std::string Title(std::string_view text);
/// str.isupper and str.islower: at least one cased letter, and none of the other case.
bool IsUpper(std::string_view text);
bool IsLower(std::string_view text);
/// repr() of a str: single quotes unless that would need escapes that double quotes do not.
void AppendQuoted(std::string& out, std::string_view text);

/// str.center, with Python's choice of the longer side.
std::string Centered(std::string_view text, std::int64_t width, std::string_view fill);

}  // namespace strata::jinja
