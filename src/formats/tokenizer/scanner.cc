// Hand-written scanners for the expressions that most published tokenizers split with. Each gives exactly the matches
// of its expression (tokenizer_scanner_test.cc holds them to PCRE2) at a tenth of the time.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/pattern.h"

namespace strata::tokenizer {
namespace {

/// A position in valid UTF-8 and the class of the character there.
class Cursor {
 public:
  Cursor(std::string_view text, std::size_t at, const CharTable& table) : text_(text), table_(&table) { MoveTo(at); }

  std::size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  bool Is(unsigned classes) const { return (bits_ & classes) != 0; }
  bool IsByte(char c) const { return !done() && text_[at_] == c; }
  char32_t code_point() const { return code_point_; }
  void Next() { MoveTo(at_ + length_); }
  void MoveTo(std::size_t at) {
    at_ = at;
    bits_ = 0;
    if (done()) return;
    const Character character = CharacterAt(text_, at);
    code_point_ = character.code_point;
    length_ = character.length;
    bits_ = (*table_)[character.code_point];
  }
  void SkipWhile(unsigned classes) {
    while (Is(classes)) Next();
  }
  /// Skips characters of none of the classes.
  void SkipWhileNot(unsigned classes) {
    while (!done() && !Is(classes)) Next();
  }

 private:
  std::string_view text_;
  const CharTable* table_;
  std::size_t at_ = 0;
  std::uint32_t length_ = 0;
  char32_t code_point_ = 0;
  std::uint16_t bits_ = 0;
};

/// Length of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `at`, or 0. Without regard to case, U+017F is an s as well.
std::size_t Contraction(std::string_view text, std::size_t at, bool ignore_case) {
  if (at + 1 >= text.size() || text[at] != '\'') return 0;
  const auto fold = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = fold(at + 1), second = fold(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  if (ignore_case && text.substr(at + 1).starts_with("\u017F")) return 3;
  return 0;
}

/// \s*[\r\n]+ (where `newlines`), then \s+(?!\S), then \s+, at a white-space character.
std::size_t SpaceEnd(std::string_view text, Cursor cursor, bool newlines) {
  std::size_t last_newline_end = 0, last = cursor.at(), count = 0;
  for (; cursor.Is(kSpace); ++count) {
    last = cursor.at();
    const bool newline = cursor.Is(kNewline);
    cursor.Next();
    if (newline) last_newline_end = cursor.at();
  }
  if (newlines && last_newline_end > 0) return last_newline_end;
  return cursor.at() == text.size() || count == 1 ? cursor.at() : last;
}

/// A scanner that only says where a match that begins at a place ends.
class Scanner : public Pattern {
 public:
  Match Find(std::string_view text, std::size_t from, std::size_t /*last_end*/) const override {
    for (std::size_t at = from; at < text.size(); at += CharacterAt(text, at).length) {
      const std::size_t end = End(text, at);
      if (end > at) return {at, end};
    }
    return {};
  }

 protected:
  /// End of the match at `at`; `at` when there is none.
  virtual std::size_t End(std::string_view text, std::size_t at) const = 0;
  const CharTable& table_ = CharClasses();
};

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
class Gpt2Scanner final : public Scanner {
 public:
  /// `last_spaces`: whether the alternative \s+ is there, which takes a single space.
  explicit Gpt2Scanner(bool last_spaces) : last_spaces_(last_spaces) {}

 private:
  std::size_t End(std::string_view text, std::size_t at) const override {
    if (const std::size_t length = Contraction(text, at, false)) return at + length;
    Cursor cursor(text, at, table_);
    const bool after_space = cursor.IsByte(' ');
    if (after_space) cursor.Next();
    if (cursor.Is(kLetter)) {
      cursor.SkipWhile(kLetter);
      return cursor.at();
    }
    if (cursor.Is(kNumber)) {
      cursor.SkipWhile(kNumber);
      return cursor.at();
    }
    if (!cursor.done() && !cursor.Is(kSpace)) {
      cursor.SkipWhileNot(kSpace | kLetter | kNumber);
      return cursor.at();
    }
    cursor.MoveTo(at);
    const std::size_t end = SpaceEnd(text, cursor, false);
    if (last_spaces_) return end;
    cursor.MoveTo(end);
    return cursor.done() || cursor.Is(kSpace) ? end : at;
  }
  bool last_spaces_;
};

/// The family of GPT-4's expression (cl100k): Llama 3, Qwen, GPT-4o, Mistral and many others.
struct Cl100kRules {
  bool contraction_first = true;   ///< (?i:'s|'t|...) as the first alternative
  bool contraction_after = false;  ///< ... or as the end of a word, as GPT-4o has it
  bool by_case = false;            ///< words end where upper case begins
  bool marks_in_words = false;     ///< [\p{L}\p{M}]+ and [^\s\p{L}\p{M}\p{N}]+, as Qwen 3.5 has it
  bool slash_after = false;        ///< [\r\n/]* behind punctuation
  int max_digits = 3;              ///< \p{N}{1,max_digits}; 0 is \p{N}+
};

class Cl100kScanner final : public Scanner {
 public:
  explicit Cl100kScanner(const Cl100kRules& rules)
      : rules_(rules), word_(rules.marks_in_words ? kLetter | kMark : kLetter) {}

 private:
  std::size_t End(std::string_view text, std::size_t at) const override {
    if (rules_.contraction_first) {
      if (const std::size_t length = Contraction(text, at, true)) return at + length;
    }
    Cursor cursor(text, at, table_);
    if (const std::size_t end = rules_.by_case ? CasedWord(text, cursor) : Word(cursor); end > at) return end;
    if (cursor.Is(kNumber)) {
      for (int n = 0; cursor.Is(kNumber) && (rules_.max_digits == 0 || n < rules_.max_digits); ++n) cursor.Next();
      return cursor.at();
    }
    Cursor punctuation = cursor;
    if (punctuation.IsByte(' ')) punctuation.Next();
    if (!punctuation.done() && !punctuation.Is(kSpace | word_ | kNumber)) {
      punctuation.SkipWhileNot(kSpace | word_ | kNumber);
      while (punctuation.Is(kNewline) || (rules_.slash_after && punctuation.IsByte('/'))) punctuation.Next();
      return punctuation.at();
    }
    // A mark where words may hold marks but the lead took it: only white space is left.
    return cursor.Is(kSpace) ? SpaceEnd(text, cursor, true) : at;
  }

  /// [^\r\n\p{L}\p{N}]?\p{L}+
  std::size_t Word(Cursor cursor) const {
    const std::size_t at = cursor.at();
    const bool is_word = cursor.Is(word_);
    if (!cursor.Is(kNewline | kLetter | kNumber)) {
      Cursor after = cursor;
      after.Next();
      if (after.Is(word_)) {
        after.SkipWhile(word_);
        return after.at();
      }
    }
    if (!is_word) return at;
    cursor.SkipWhile(word_);
    return cursor.at();
  }

  /// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ , then the same with + and *.
  std::size_t CasedWord(std::string_view text, const Cursor& cursor) const {
    const std::size_t at = cursor.at();
    const bool may_lead = !cursor.Is(kNewline | kLetter | kNumber);
    Cursor after = cursor;
    after.Next();
    for (const bool ends_lower : {true, false}) {
      std::size_t end = may_lead && !after.done() ? CasedRun(after, ends_lower) : 0;
      if (end == 0) end = CasedRun(cursor, ends_lower);
      if (end > 0) return end + (rules_.contraction_after ? Contraction(text, end, true) : 0);
    }
    return at;
  }

  /// Upper case, then lower case, with at least one of the second (or of the first) kind; 0 for no match.
  static std::size_t CasedRun(Cursor cursor, bool ends_lower) {
    static constexpr unsigned kBoth = kOtherLetter | kMark, kUpper = kUpperLetter | kBoth,
                              kLower = kLowerLetter | kBoth;
    const std::size_t begin = cursor.at();
    std::size_t end_of_both = 0;  // where the run's last character that is of either case ends
    while (cursor.Is(kUpper)) {
      const bool both = cursor.Is(kBoth);
      cursor.Next();
      if (both) end_of_both = cursor.at();
    }
    const std::size_t end_of_upper = cursor.at();
    if (cursor.Is(kLower)) {
      cursor.SkipWhile(kLower);
      return ends_lower || end_of_upper > begin ? cursor.at() : 0;
    }
    if (ends_lower) return end_of_both;  // the greedy first part gives back up to there
    return end_of_upper > begin ? end_of_upper : 0;
  }

  Cl100kRules rules_;
  unsigned word_;
};

/// [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
class DeepSeekScanner final : public Scanner {
  std::size_t End(std::string_view text, std::size_t at) const override {
    Cursor cursor(text, at, table_);
    Cursor after = cursor;
    after.Next();
    if (cursor.Is(kAsciiPunct) && after.Is(kAsciiLetter)) {
      after.SkipWhile(kAsciiLetter);
      return after.at();
    }
    if (!cursor.Is(kNewline | kLetter | kPunctuation | kSymbol) && after.Is(kLetter | kMark)) {
      after.SkipWhile(kLetter | kMark);
      return after.at();
    }
    if (cursor.Is(kLetter | kMark)) {
      cursor.SkipWhile(kLetter | kMark);
      return cursor.at();
    }
    const bool after_space = cursor.IsByte(' ') && after.Is(kPunctuation | kSymbol);
    if (after_space || cursor.Is(kPunctuation | kSymbol)) {
      cursor.Next();
      cursor.SkipWhile(kPunctuation | kSymbol);
      cursor.SkipWhile(kNewline);
      return cursor.at();
    }
    return cursor.Is(kSpace) ? SpaceEnd(text, cursor, true) : at;
  }
};

/// \p{N}{1,max}, or + where max is 0.
class NumberScanner final : public Scanner {
 public:
  explicit NumberScanner(int max) : max_(max) {}

 private:
  std::size_t End(std::string_view text, std::size_t at) const override {
    Cursor cursor(text, at, table_);
    for (int n = 0; cursor.Is(kNumber) && (max_ == 0 || n < max_); ++n) cursor.Next();
    return cursor.at();
  }
  int max_;
};

/// [一-龥぀-ゟ゠-ヿ]+
class HanKanaScanner final : public Scanner {
  std::size_t End(std::string_view text, std::size_t at) const override {
    Cursor cursor(text, at, table_);
    while (!cursor.done() && ((cursor.code_point() >= 0x4E00 && cursor.code_point() <= 0x9FA5) ||
                              (cursor.code_point() >= 0x3040 && cursor.code_point() <= 0x30FF))) {
      cursor.Next();
    }
    return cursor.at();
  }
};

constexpr std::string_view kGpt2WithoutSpaces =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";
constexpr std::string_view kDeepSeek =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The expression of a set of rules, as publishers write it.
std::string ExpressionOf(const Cl100kRules& rules) {
  const std::string contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  const std::string suffix = rules.contraction_after ? contraction + "?" : "";
  std::string out = rules.contraction_first ? contraction + "|" : "";
  if (rules.by_case) {
    out += R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)" + suffix + "|" +
           R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)" + suffix + "|";
  } else {
    out += rules.marks_in_words ? R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|)" : R"([^\r\n\p{L}\p{N}]?\p{L}+|)";
  }
  out += rules.max_digits == 0   ? R"(\p{N}+|)"
         : rules.max_digits == 1 ? R"(\p{N}|)"
                                 : R"(\p{N}{1,)" + std::to_string(rules.max_digits) + "}|";
  out += rules.marks_in_words ? R"( ?[^\s\p{L}\p{M}\p{N}]+)" : R"( ?[^\s\p{L}\p{N}]+)";
  out += rules.slash_after ? R"([\r\n/]*|)" : R"([\r\n]*|)";
  return out + R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
}

std::optional<Cl100kRules> RulesOf(std::string_view expression) {
  for (unsigned i = 0; i < 2 * 2 * 2 * 2 * 2 * 3; ++i) {
    const Cl100kRules rules{.contraction_first = (i & 1) != 0,
                            .contraction_after = (i & 2) != 0,
                            .by_case = (i & 4) != 0,
                            .marks_in_words = (i & 8) != 0,
                            .slash_after = (i & 16) != 0,
                            .max_digits = std::array{0, 1, 3}[i >> 5]};
    if (rules.by_case ? rules.marks_in_words : rules.contraction_after) continue;  // not written so by anyone
    if (ExpressionOf(rules) == expression) return rules;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Pattern> MakeScanner(std::string_view expression) {
  std::string written;  // with line ends as escapes: publishers write them either way
  for (const char c : expression) {
    if (c == '\r') {
      written += "\\r";
    } else if (c == '\n') {
      written += "\\n";
    } else {
      written += c;
    }
  }
  if (const auto rules = RulesOf(written)) return std::make_unique<Cl100kScanner>(*rules);
  if (written == kGpt2WithoutSpaces) return std::make_unique<Gpt2Scanner>(false);
  if (written == std::string(kGpt2WithoutSpaces) + R"(|\s+)") return std::make_unique<Gpt2Scanner>(true);
  if (written == kDeepSeek) return std::make_unique<DeepSeekScanner>();
  if (written == R"(\p{N})") return std::make_unique<NumberScanner>(1);
  if (written == R"(\p{N}{1,3})") return std::make_unique<NumberScanner>(3);
  if (written == R"(\p{N}+)") return std::make_unique<NumberScanner>(0);
  if (written == "[一-龥぀-ゟ゠-ヿ]+") return std::make_unique<HanKanaScanner>();
  return nullptr;
}

}  // namespace strata::tokenizer
