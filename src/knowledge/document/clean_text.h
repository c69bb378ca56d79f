// Text from outside made fit to be shown, indexed and put into prompts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

/// How many characters were dropped that can hide text from a person or show another text than there is.
struct SuspiciousCharacters {
  std::size_t tags = 0;        ///< U+E0000 block: a whole ASCII text, invisible
  std::size_t selectors = 0;   ///< variation selectors that follow each other: bytes in disguise
  std::size_t overrides = 0;   ///< bidi overrides: what is read is not what is stored
  std::size_t zero_width = 0;  ///< between letters, where they split a word that looks whole
  std::size_t replaced = 0;    ///< U+FFFD for what is no character
  std::size_t control = 0;     ///< C0 and C1
};

/// UTF-8 in NFC without control characters but \n and \t (all kinds of line ends become \n), zero-width, bidi and tag
/// characters. Joiners stay where scripts and emoji need them. Adds what it dropped to `found`.
std::string CleanText(std::string_view text, SuspiciousCharacters& found);

/// One line of words for each line of `text`, parted by single spaces, without empty lines.
std::string CollapseSpaces(std::string_view text);
/// All on one line.
std::string CollapseToLine(std::string_view text);
/// Without white space at its ends (blank lines at the front, any white space at the end), for code.
std::string_view TrimLines(std::string_view text);
std::string_view TrimSpaces(std::string_view text);

/// The lines of `text`, without their ends.
std::vector<std::string_view> SplitLines(std::string_view text);
/// ASCII only; the rest stays.
std::string LowerAscii(std::string_view text);
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace strata::knowledge
