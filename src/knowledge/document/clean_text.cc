#include "knowledge/document/clean_text.h"

#include <algorithm>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

bool IsPlainByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte < 0x7F) || byte == '\n' || byte == '\t';
}

/// Whether a text of such characters alone is in NFC (a part of NFC_Quick_Check=Yes with combining class 0 that is
/// cheap to test and covers most text: Latin, Greek, Cyrillic, CJK, precomposed Hangul, common punctuation).
bool IsSurelyNfc(char32_t c) {
  return c < 0x300 || (c >= 0x400 && c < 0x483) || (c >= 0x2010 && c < 0x2100) || (c >= 0x3001 && c < 0x3029) ||
         (c >= 0x3041 && c < 0x3097) || (c >= 0x30A1 && c < 0x30FB) || (c >= 0x3400 && c < 0xA000) ||
         (c >= 0xAC00 && c < 0xD7A4) || (c >= 0xFF01 && c < 0xFFE7);
}

bool IsBidi(char32_t c) {
  return c == 0x61C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool IsVariationSelector(char32_t c) { return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF); }

/// Seen by nobody and needed by nobody in text: zero-width spaces, soft hyphens, invisible operators, annotations.
bool IsInvisible(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x115F || c == 0x1160 || c == 0x17B4 || c == 0x17B5 || c == 0x180E ||
         c == 0x200B || (c >= 0x2060 && c <= 0x2064) || (c >= 0x206A && c <= 0x206F) || c == 0x3164 || c == 0xFEFF ||
         c == 0xFFA0 || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0x1D173 && c <= 0x1D17A);
}

/// Where ZWJ and ZWNJ change what is seen: after Arabic, Indic and other such letters, and in emoji.
bool TakesJoiner(char32_t before) { return (before >= 0x590 && before < 0x1100) || before >= 0x2190; }

class Cleaner {
 public:
  explicit Cleaner(SuspiciousCharacters& found) : found_(found) {}

  /// Appends `c` or drops it. `next`: what stands behind it, 0 at the end.
  void Push(char32_t c, char32_t next) {
    if (c == '\r') c = next == '\n' ? 0 : '\n';
    if (c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029) c = '\n';
    if (c == '\n' || c == '\t') return Append(c);
    if (c == 0 && next == '\n') return;  // of \r\n
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c < 0xFDF0)) {
      ++found_.control;
      return;
    }
    if (c < 0x300 && c != 0xAD) return Append(c);
    if (c >= 0xE0000 && c < 0xE0080) {
      ++found_.tags;
    } else if (IsBidi(c)) {
      if (c == 0x202D || c == 0x202E) ++found_.overrides;
    } else if (IsVariationSelector(c)) {
      if (IsVariationSelector(seen_) || out_.empty()) {
        ++found_.selectors;
      } else {
        Append(c);
      }
    } else if (c == 0x200C || c == 0x200D) {
      if (TakesJoiner(seen_)) return Append(c);
      CountZeroWidth(next);
    } else if (IsInvisible(c)) {
      if (c != 0xAD) CountZeroWidth(next);
    } else {
      Append(c);
    }
    seen_ = c;
  }

  std::string Finish() && { return nfc_ ? std::move(out_) : Normalize(out_, NormalizationForm::kNfc); }
  std::string& out() { return out_; }

 private:
  void Append(char32_t c) {
    nfc_ = nfc_ && IsSurelyNfc(c);
    if (c == kReplacementCharacter) ++found_.replaced;
    AppendUtf8(out_, c);
    seen_ = c;
  }
  void CountZeroWidth(char32_t next) {
    if (IsLetter(seen_) && next != 0 && IsLetter(next)) ++found_.zero_width;
  }

  SuspiciousCharacters& found_;
  std::string out_;
  char32_t seen_ = 0;  ///< the last character, also one that was dropped
  bool nfc_ = true;
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/// Bytes of the white space at the front of `text`, 0 where there is none. \n is the caller's matter.
std::size_t SpaceAt(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == ' ' || c == '\t') return 1;
  if (static_cast<unsigned char>(c) < 0xC2) return 0;
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("\xC2\xA0")) return 2;
  if (rest.starts_with("\xE3\x80\x80") || rest.starts_with("\xE1\x9A\x80") || rest.starts_with("\xE2\x81\x9F") ||
      rest.starts_with("\xE2\x80\xAF")) {
    return 3;
  }
  return rest.size() > 2 && rest.starts_with("\xE2\x80") && static_cast<unsigned char>(rest[2]) <= 0x8A ? 3 : 0;
}

std::string Collapse(std::string_view text, char line_end) {
  std::string out;
  out.reserve(text.size());
  char pending = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') {
      pending = line_end == '\n' ? '\n' : (pending == 0 ? ' ' : pending);
      ++at;
    } else if (const std::size_t space = SpaceAt(text, at); space > 0) {
      if (pending == 0) pending = ' ';
      at += space;
    } else {
      if (pending != 0 && !out.empty()) out += pending;
      pending = 0;
      out += text[at++];
    }
  }
  return out;
}

}  // namespace

std::string CleanText(std::string_view text, SuspiciousCharacters& found) {
  const auto first = static_cast<std::size_t>(std::ranges::find_if_not(text, IsPlainByte) - text.begin());
  if (first == text.size()) return std::string(text);
  Cleaner cleaner(found);
  cleaner.out().reserve(text.size());
  // The last plain character is pushed, so that what follows it sees it.
  const std::size_t plain = first == 0 ? 0 : first - 1;
  cleaner.out() = text.substr(0, plain);
  char32_t current = 0;
  bool have = false;
  for (std::size_t at = plain; at < text.size();) {
    const DecodedCodePoint next = DecodeUtf8(text.substr(at));
    if (have) cleaner.Push(current, next.code_point);
    current = next.code_point;
    have = true;
    at += next.length;
  }
  if (have) cleaner.Push(current, 0);
  return std::move(cleaner).Finish();
}

std::string CollapseSpaces(std::string_view text) { return Collapse(text, '\n'); }
std::string CollapseToLine(std::string_view text) { return Collapse(text, ' '); }

std::string_view TrimLines(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  for (std::size_t end = text.find('\n'); end != text.npos && std::ranges::all_of(text.substr(0, end), IsSpace);
       end = text.find('\n')) {
    text.remove_prefix(end + 1);
  }
  return text;
}

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && (IsSpace(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  while (!text.empty() && (IsSpace(text.front()) || text.front() == '\r')) text.remove_prefix(1);
  return text;
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && LowerAscii(a) == LowerAscii(b);
}

}  // namespace strata::knowledge
