// UTF-8 and the Unicode properties that tokenizers need (data from utf8proc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// One decoded code point and how many bytes it took (>= 1 whenever the text is not empty).
struct DecodedCodePoint {
  char32_t code_point;  ///< kReplacementCharacter where the bytes are not UTF-8
  std::uint8_t length;
  bool valid;
};

/// Decodes the first code point of `text` (not empty). An invalid sequence yields U+FFFD for its maximal subpart
/// (Unicode 15 section 3.9, the practice of WHATWG and of Python's errors="replace").
DecodedCodePoint DecodeUtf8(std::string_view text);

void AppendUtf8(std::string& out, char32_t code_point);
bool IsValidUtf8(std::string_view text);

/// Length of the longest prefix that does not end inside a code point: what may be shown to a user now. Invalid bytes
/// that no continuation can repair count as complete.
std::size_t CompleteUtf8Prefix(std::string_view text);

/// `text` with each invalid sequence replaced by U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view text);

std::size_t CountCodePoints(std::string_view text);
/// Invalid sequences as DecodeUtf8 has them.
std::u32string ToCodePoints(std::string_view text);

enum class NormalizationForm { kNfc, kNfd, kNfkc, kNfkd };
std::string Normalize(std::string_view text, NormalizationForm form);
/// NFKC_Casefold (Unicode 15 section 5.18): texts that differ only in case, width, or characters that nobody sees (soft
/// hyphens, joiners) give the same.
std::string FoldCase(std::string_view text);

bool IsLetter(char32_t c);        ///< \p{L}
bool IsNumber(char32_t c);        ///< \p{N}
bool IsDecimalDigit(char32_t c);  ///< \p{Nd}
bool IsMark(char32_t c);          ///< \p{M}
bool IsControl(char32_t c);       ///< \p{C} without unassigned
bool IsWhiteSpace(char32_t c);    ///< White_Space property, as \s under PCRE2_UCP and Rust's char::is_whitespace
char32_t ToLower(char32_t c);
char32_t ToUpper(char32_t c);

}  // namespace strata
