#include "base/unicode.h"

#include <cstdlib>
#include <memory>

#include <utf8proc.h>

namespace strata {
namespace {

/// Bytes that a lead byte announces (0 for a byte that cannot start a sequence), and the range of the second byte.
struct LeadByte {
  std::uint8_t length;
  std::uint8_t second_low;
  std::uint8_t second_high;
};

LeadByte Classify(std::uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// Length of the well-formed start of a sequence: `needed` when complete, less when cut off or broken.
std::size_t WellFormedBytes(std::string_view text, LeadByte lead) {
  std::size_t n = 1;
  while (n < lead.length && n < text.size()) {
    const auto byte = static_cast<std::uint8_t>(text[n]);
    const std::uint8_t low = n == 1 ? lead.second_low : 0x80;
    const std::uint8_t high = n == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) break;
    ++n;
  }
  return n;
}

utf8proc_category_t Category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

}  // namespace

DecodedCodePoint DecodeUtf8(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const LeadByte lead = Classify(first);
  if (lead.length == 1) return {first, 1, true};
  if (lead.length == 0) return {kReplacementCharacter, 1, false};
  const std::size_t n = WellFormedBytes(text, lead);
  if (n < lead.length) return {kReplacementCharacter, static_cast<std::uint8_t>(n), false};
  char32_t c = first & (0xFF >> (lead.length + 1));
  for (std::size_t i = 1; i < n; ++i) c = (c << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3F);
  return {c, lead.length, true};
}

void AppendUtf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const DecodedCodePoint decoded = DecodeUtf8(text);
    if (!decoded.valid) return false;
    text.remove_prefix(decoded.length);
  }
  return true;
}

std::size_t CompleteUtf8Prefix(std::string_view text) {
  const std::size_t tail = text.size() < 3 ? text.size() : 3;
  for (std::size_t back = 1; back <= tail; ++back) {
    const std::size_t start = text.size() - back;
    const auto byte = static_cast<std::uint8_t>(text[start]);
    if ((byte & 0xC0) == 0x80) continue;
    const LeadByte lead = Classify(byte);
    const bool cut_off = lead.length > back && WellFormedBytes(text.substr(start), lead) == back;
    return cut_off ? start : text.size();
  }
  return text.size();
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCodePoint decoded = DecodeUtf8(text);
    if (decoded.valid) {
      out.append(text.substr(0, decoded.length));
    } else {
      AppendUtf8(out, kReplacementCharacter);
    }
    text.remove_prefix(decoded.length);
  }
  return out;
}

std::u32string ToCodePoints(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCodePoint decoded = DecodeUtf8(text);
    out += decoded.code_point;
    text.remove_prefix(decoded.length);
  }
  return out;
}

std::size_t CountCodePoints(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(DecodeUtf8(text).length);
    ++count;
  }
  return count;
}

namespace {

std::string Map(std::string_view text, int options) {
  const std::string valid = ReplaceInvalidUtf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()),
                   &mapped, static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length < 0) return valid;  // unreachable for valid UTF-8
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length)};
}

}  // namespace

std::string Normalize(std::string_view text, NormalizationForm form) {
  const bool compose = form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
  const bool compatible = form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd;
  return Map(text, (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatible ? UTF8PROC_COMPAT : 0));
}

std::string FoldCase(std::string_view text) {
  return Map(text, UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
}

bool IsLetter(char32_t c) {
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool IsNumber(char32_t c) {
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}
bool IsDecimalDigit(char32_t c) { return Category(c) == UTF8PROC_CATEGORY_ND; }
bool IsMark(char32_t c) {
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}
bool IsControl(char32_t c) {
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO;
}
bool IsWhiteSpace(char32_t c) {
  if (c >= 0x09 && c <= 0x0D) return true;
  if (c == 0x85) return true;
  const auto category = Category(c);
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}
char32_t ToLower(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }
char32_t ToUpper(char32_t c) { return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))); }

}  // namespace strata
