#include "formats/jinja/lexer.h"

#include <algorithm>

#include "base/unicode.h"
#include "formats/jinja/text.h"
#include "formats/jinja/value.h"

namespace strata::jinja {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (static_cast<unsigned char>(c) & 0x80);
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(NormalizeNewlines(source)), text_(source_) {}

  std::vector<Token> Run() {
    while (pos_ < text_.size()) Root();
    Push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void Error(std::string message) const {
    throw TemplateError{ErrorCode::kInvalidArgument, std::move(message), line_};
  }
  void Push(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }
  bool At(std::string_view what) const { return text_.substr(pos_).starts_with(what); }
  void Advance(std::size_t n) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(pos_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(pos_ + n), '\n'));
    pos_ += n;
    line_starting_ = pos_ > 0 && text_[pos_ - 1] == '\n';
  }
  void SkipSpace() { Advance(static_cast<std::size_t>(StripLeft(text_.substr(pos_)).data() - (text_.data() + pos_))); }

  // `data` ends before a tag with that sign; lstrip_blocks does not apply to {{.
  std::string_view StripBefore(std::string_view data, char sign, bool is_variable) const {
    if (sign == '-') return StripRight(data);
    if (sign == '+' || is_variable) return data;
    const std::size_t newline = data.rfind('\n');
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (start == 0 && !line_starting_) return data;
    return Strip(data.substr(start)).empty() ? data.substr(0, start) : data;
  }

  // Whether `{% raw %}` or `{% endraw %}` starts at `at` (which is behind "{%" and sign); the length through the word.
  std::size_t WordAt(std::size_t at, std::string_view word) const {
    const std::string_view rest = StripLeft(text_.substr(at));
    if (!rest.starts_with(word)) return 0;
    return static_cast<std::size_t>(rest.data() - text_.data()) + word.size() - at;
  }

  // A closing mark with optional sign; consumes the white space it eats. False when not here.
  bool Close(std::string_view mark, bool trims) {
    if (At(std::string("-").append(mark))) {
      Advance(1 + mark.size());
      SkipSpace();
      return true;
    }
    if (trims && At(std::string("+").append(mark))) {
      Advance(1 + mark.size());
      return true;
    }
    if (!At(mark)) return false;
    Advance(mark.size());
    if (trims && At("\n")) Advance(1);
    return true;
  }

  void Root() {
    std::size_t tag = pos_;
    while (true) {
      tag = text_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= text_.size()) {
        tag = std::string_view::npos;
        break;
      }
      const char c = text_[tag + 1];
      if (c == '{' || c == '%' || c == '#') break;
      ++tag;
    }
    if (tag == std::string_view::npos) {
      Push(TokenKind::kData, std::string(text_.substr(pos_)));
      pos_ = text_.size();
      return;
    }
    const char type = text_[tag + 1];
    const char sign = tag + 2 < text_.size() ? text_[tag + 2] : '\0';
    const bool has_sign = sign == '-' || sign == '+';
    const std::string_view data = StripBefore(text_.substr(pos_, tag - pos_), sign, type == '{');
    if (!data.empty()) Push(TokenKind::kData, std::string(data));
    Advance(tag - pos_ + (has_sign ? 3u : 2u));
    if (type == '#') {
      Comment();
    } else if (type == '{') {
      Push(TokenKind::kVariableBegin, "");
      Inside("}}");
    } else if (!Raw()) {
      Push(TokenKind::kBlockBegin, "");
      Inside("%}");
    }
  }

  void Comment() {
    const std::size_t end = text_.find("#}", pos_);
    if (end == std::string_view::npos) Error("missing end of comment tag");
    const bool has_sign = end > pos_ && (text_[end - 1] == '-' || text_[end - 1] == '+');
    Advance(end - pos_ - (has_sign ? 1 : 0));
    Close("#}", true);
  }

  bool Raw() {
    const std::size_t word = WordAt(pos_, "raw");
    if (word == 0) return false;
    const std::string_view after = StripLeft(text_.substr(pos_ + word));
    if (!after.starts_with("%}") && !after.starts_with("-%}")) return false;
    Advance(static_cast<std::size_t>(after.data() - text_.data()) - pos_);
    if (At("-")) {
      Close("%}", false);
    } else {
      Advance(2);
    }
    for (std::size_t tag = pos_; (tag = text_.find("{%", tag)) != std::string_view::npos; ++tag) {
      const char sign = tag + 2 < text_.size() ? text_[tag + 2] : '\0';
      const std::size_t at = tag + (sign == '-' || sign == '+' ? 3u : 2u);
      const std::size_t end_word = WordAt(at, "endraw");
      if (end_word == 0) continue;
      const std::string_view rest = StripLeft(text_.substr(at + end_word));
      if (!rest.starts_with("%}") && !rest.starts_with("-%}") && !rest.starts_with("+%}")) continue;
      const std::string_view data = StripBefore(text_.substr(pos_, tag - pos_), sign, false);
      if (!data.empty()) Push(TokenKind::kData, std::string(data));
      Advance(static_cast<std::size_t>(rest.data() - text_.data()) - pos_);
      Close("%}", true);
      return true;
    }
    Error("missing end of raw directive");
  }

  void Inside(std::string_view end) {
    const bool block = end == "%}";
    std::string open;
    while (true) {
      SkipSpace();
      if (pos_ >= text_.size()) Error("unexpected end of template");
      if (open.empty()) {
        const TokenKind kind = block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd;
        const int line = line_;
        if (Close(end, block)) {
          tokens_.push_back({kind, line, ""});
          return;
        }
      }
      const char c = text_[pos_];
      if (IsDigit(c)) {
        Number();
      } else if (IsNameStart(c)) {
        std::size_t n = 1;
        while (pos_ + n < text_.size() && (IsNameStart(text_[pos_ + n]) || IsDigit(text_[pos_ + n]))) ++n;
        Push(TokenKind::kName, std::string(text_.substr(pos_, n)));
        Advance(n);
      } else if (c == '\'' || c == '"') {
        String(c);
      } else {
        Operator(open);
      }
    }
  }

  void Operator(std::string& open) {
    static constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                      "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                      ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (std::string_view op : kOperators) {
      if (!At(op)) continue;
      if (op == "(" || op == "[" || op == "{") open += op == "(" ? ')' : op == "[" ? ']' : '}';
      if (op == ")" || op == "]" || op == "}") {
        if (open.empty() || open.back() != op[0]) Error(fmt::format("unexpected '{}'", op));
        open.pop_back();
      }
      Push(TokenKind::kOperator, std::string(op));
      Advance(op.size());
      return;
    }
    Error(fmt::format("unexpected char '{}'", text_[pos_]));
  }

  std::size_t Digits(std::size_t at) const {
    std::size_t n = at;
    while (n < text_.size() &&
           (IsDigit(text_[n]) || (text_[n] == '_' && n + 1 < text_.size() && IsDigit(text_[n + 1]))))
      ++n;
    return n;
  }

  void Number() {
    std::size_t end = Digits(pos_);
    bool is_float = false;
    const bool after_dot = pos_ > 0 && text_[pos_ - 1] == '.';
    const char prefix =
        end == pos_ + 1 && text_[pos_] == '0' && end < text_.size() ? static_cast<char>(text_[end] | 0x20) : '\0';
    if (text_[pos_] == '0' && prefix != 'x' && prefix != 'o' && prefix != 'b') {
      end = pos_ + 1;  // as in Python, no number but zero starts with one: "007" is three tokens
    }
    if (prefix == 'x' || prefix == 'o' || prefix == 'b') {
      ++end;
      while (end < text_.size() && (std::isxdigit(static_cast<unsigned char>(text_[end])) || text_[end] == '_')) ++end;
    } else if (!after_dot) {
      if (end + 1 < text_.size() && text_[end] == '.' && IsDigit(text_[end + 1])) {
        end = Digits(end + 1);
        is_float = true;
      }
      if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
        std::size_t exponent = end + 1;
        if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
        if (exponent < text_.size() && IsDigit(text_[exponent])) {
          end = Digits(exponent);
          is_float = true;
        }
      }
    }
    std::string digits(text_.substr(pos_, end - pos_));
    std::erase(digits, '_');
    Push(is_float ? TokenKind::kFloat : TokenKind::kInteger, std::move(digits));
    Advance(end - pos_);
  }

  void String(char quote) {
    std::string value;
    std::size_t i = pos_ + 1;
    for (;; ++i) {
      if (i >= text_.size()) Error("unterminated string");
      const char c = text_[i];
      if (c == quote) break;
      if (c == '\\' && i + 1 < text_.size()) {
        i = Escape(value, i + 1);
      } else {
        value += c;
      }
    }
    Push(TokenKind::kString, std::move(value));
    Advance(i + 1 - pos_);
  }

  // The escape whose letter is at `i`; returns its last byte.
  std::size_t Escape(std::string& value, std::size_t i) const {
    static constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
    const char c = text_[i];
    if (c == '\n') return i;
    if (const std::size_t at = kFrom.find(c); at != std::string_view::npos) {
      value += kTo[at];
      return i;
    }
    if (c >= '0' && c <= '7') {
      char32_t code = 0;
      std::size_t n = 0;
      for (; n < 3 && i + n < text_.size() && text_[i + n] >= '0' && text_[i + n] <= '7'; ++n) {
        code = code * 8 + static_cast<char32_t>(text_[i + n] - '0');
      }
      AppendUtf8(value, code);
      return i + n - 1;
    }
    const std::size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (width == 0) {
      value += '\\';
      value += c;
      return i;
    }
    char32_t code = 0;
    for (std::size_t n = 1; n <= width; ++n) {
      const char digit = i + n < text_.size() ? text_[i + n] : '\0';
      if (!std::isxdigit(static_cast<unsigned char>(digit))) Error("truncated escape in a string");
      code = code * 16 + static_cast<char32_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    if (code > 0x10FFFF) Error("illegal Unicode character in a string");
    AppendUtf8(value, code >= 0xD800 && code < 0xE000 ? kReplacementCharacter : code);
    return i + width;
  }

  std::string source_;
  std::string_view text_;
  std::size_t pos_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace strata::jinja
