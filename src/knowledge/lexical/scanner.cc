#include "knowledge/lexical/scanner.h"

#include <algorithm>
#include <array>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

enum class Class : std::uint8_t { kOther, kLower, kUpper, kLetter, kDigit, kMark, kSpaceless };

struct Range {
  char32_t first, last;
};

// Unicode 15 blocks of the scripts that are written without spaces, and Hangul, whose words carry their particles.
constexpr auto kSpacelessBlocks = std::to_array<Range>({
    {0x0E00, 0x0EFF},    // Thai, Lao
    {0x1000, 0x109F},    // Myanmar
    {0x1100, 0x11FF},    // Hangul Jamo
    {0x1780, 0x17FF},    // Khmer
    {0x3005, 0x3007},    // ideographic iteration mark, closing mark and zero
    {0x3040, 0x30FF},    // Hiragana, Katakana
    {0x31F0, 0x31FF},    // Katakana phonetic extensions
    {0x3400, 0x4DBF},    // CJK extension A
    {0x4E00, 0x9FFF},    // CJK
    {0xAC00, 0xD7AF},    // Hangul syllables
    {0xF900, 0xFAFF},    // CJK compatibility
    {0x20000, 0x3FFFF},  // CJK extensions
});

bool IsSpaceless(char32_t c) {
  const auto* range = std::ranges::lower_bound(kSpacelessBlocks, c, {}, &Range::last);
  return range != kSpacelessBlocks.end() && range->first <= c;
}

// Shown as nothing, and no end of a word: soft hyphen, joiners, word joiner.
bool IsInvisible(char32_t c) { return c == 0x00AD || c == 0x200C || c == 0x200D || c == 0x2060 || c == 0xFEFF; }

Class ClassOf(char32_t c) {
  if (c < 0x80) {
    if (c >= 'a' && c <= 'z') return Class::kLower;
    if (c >= 'A' && c <= 'Z') return Class::kUpper;
    return c >= '0' && c <= '9' ? Class::kDigit : Class::kOther;
  }
  if (IsNumber(c)) return Class::kDigit;
  if (IsMark(c)) return IsSpaceless(c) ? Class::kSpaceless : Class::kMark;
  if (IsInvisible(c)) return Class::kMark;
  if (!IsLetter(c)) return Class::kOther;
  if (IsSpaceless(c)) return Class::kSpaceless;
  if (ToLower(c) != c) return Class::kUpper;
  return ToUpper(c) != c ? Class::kLower : Class::kLetter;
}

bool IsWordClass(Class c) { return c != Class::kOther && c != Class::kSpaceless; }
bool IsLetterClass(Class c) { return c == Class::kLower || c == Class::kUpper || c == Class::kLetter; }
bool IsConnector(char c) { return std::string_view("._-/@:\\").contains(c); }
bool IsApostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<ScannedWord> Scan() {
    while (at_ < text_.size()) {
      const Next next = Peek(at_);
      if (next.kind == Class::kOther) {
        at_ += next.length;
      } else if (next.kind == Class::kSpaceless) {
        ScanSpaceless();
      } else {
        ScanWord();
      }
    }
    return std::move(words_);
  }

 private:
  struct Next {
    Class kind = Class::kOther;
    char32_t code_point = 0;
    std::size_t length = 0;
  };

  Next Peek(std::size_t at) const {
    if (at >= text_.size()) return {};
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {ClassOf(byte), byte, 1};
    const DecodedCodePoint decoded = DecodeUtf8(text_.substr(at));
    return {ClassOf(decoded.code_point), decoded.code_point, decoded.length};
  }

  void ScanSpaceless() {
    const std::size_t begin = at_;
    for (Next next = Peek(at_); next.kind == Class::kSpaceless; next = Peek(at_)) at_ += next.length;
    words_.push_back({begin, at_, ScannedWord::Kind::kSpaceless});
  }

  void ScanWord() {
    ScannedWord word{.begin = at_, .joined = JoinsLast(at_)};
    Class last = Class::kOther;
    bool only_digits = true;
    for (;;) {
      const Next next = Peek(at_);
      if (IsWordClass(next.kind)) {
        last = next.kind == Class::kMark ? last : next.kind;
        only_digits = only_digits && next.kind == Class::kDigit;
        word.has_digit = word.has_digit || next.kind == Class::kDigit;
        at_ += next.length;
      } else if (Continues(next, last, only_digits)) {
        at_ += next.length;
      } else {
        break;
      }
    }
    word.end = at_;
    words_.push_back(word);
  }

  // Whether a character that is no word's own belongs to one between its neighbours.
  bool Continues(const Next& next, Class last, bool only_digits) const {
    if (IsApostrophe(next.code_point)) {
      return IsLetterClass(last) && IsLetterClass(Peek(at_ + next.length).kind);
    }
    if (last != Class::kDigit) return false;
    if (next.code_point == '.') return Peek(at_ + 1).kind == Class::kDigit;
    if (next.code_point != ',' || !only_digits) return false;
    for (std::size_t i = 1; i <= 3; ++i) {
      if (Peek(at_ + i).kind != Class::kDigit) return false;
    }
    return Peek(at_ + 4).kind != Class::kDigit;
  }

  bool JoinsLast(std::size_t begin) const {
    if (words_.empty() || words_.back().kind != ScannedWord::Kind::kWord) return false;
    const std::string_view between = text_.substr(words_.back().end, begin - words_.back().end);
    return !between.empty() && between.size() <= 3 && std::ranges::all_of(between, IsConnector);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<ScannedWord> words_;
};

}  // namespace

std::vector<ScannedWord> ScanWords(std::string_view text) { return Scanner(text).Scan(); }

std::vector<std::size_t> PieceEnds(std::string_view word) {
  std::vector<std::size_t> ends;
  Class last = Class::kOther, before_last = Class::kOther;
  std::size_t last_begin = 0;
  for (std::size_t at = 0; at < word.size();) {
    const DecodedCodePoint decoded = DecodeUtf8(word.substr(at));
    const Class kind = ClassOf(decoded.code_point);
    if (kind == Class::kOther) {  // an apostrophe or a point is no end of a piece
      last = before_last = Class::kOther;
    } else if (kind != Class::kMark) {
      const bool digits = (kind == Class::kDigit) != (last == Class::kDigit);
      if (last != Class::kOther && (digits || (kind == Class::kUpper && last == Class::kLower))) {
        ends.push_back(at);
      } else if (kind == Class::kLower && last == Class::kUpper && before_last == Class::kUpper) {
        ends.push_back(last_begin);  // HTTPServer: the last capital begins the next piece
      }
      before_last = last;
      last = kind;
      last_begin = at;
    }
    at += decoded.length;
  }
  ends.push_back(word.size());
  return ends;
}

}  // namespace strata::knowledge
