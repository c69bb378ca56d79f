// Expressions by PCRE2, translated from Oniguruma's Ruby syntax where the two differ in meaning.
#include <algorithm>
#include <vector>

#include "formats/tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace strata::tokenizer {
namespace {

/// Matching one expression may take this many steps: an expression from a hostile file must not hang a request.
constexpr std::uint32_t kMatchLimit = 10'000'000;
/// PCRE2's JIT needs stack for repeated groups in proportion to the match.
constexpr std::size_t kJitStackBytes = 8 << 20;

/// Match data and the JIT's stack may not be shared between threads; making them for each text would cost more than
/// a short match.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr);
  Workspace() {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Workspace() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
};

Workspace& ThreadWorkspace() {
  thread_local Workspace workspace;
  return workspace;
}

class Regex final : public Pattern {
 public:
  explicit Regex(pcre2_code* code) : code_(code) {}
  ~Regex() override { pcre2_code_free(code_); }
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  Match Find(std::string_view text, std::size_t from, std::size_t last_end) const override {
    Workspace& workspace = ThreadWorkspace();
    // NOTEMPTY would try other alternatives at the same place; Oniguruma's iteration steps over an empty match.
    for (std::size_t at = from; at <= text.size();) {
      const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
      int found = pcre2_match(code_, subject, text.size(), at, PCRE2_NO_UTF_CHECK, workspace.data, workspace.context);
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = pcre2_match(code_, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, workspace.data,
                            workspace.context);
      }
      if (found < 0) return {};  // no match, or the limit: what is left is one piece
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(workspace.data);
      if (bounds[1] > bounds[0] || bounds[0] != last_end) return {bounds[0], bounds[1]};
      at = bounds[1] + 1;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    }
    return {};
  }

 private:
  pcre2_code* code_;
};

/// Rewrites an expression from Oniguruma's syntax to PCRE2's. Of the escapes, \s (PCRE2 adds U+180E), \w (Oniguruma has
/// Alphabetic, marks, decimal digits and connectors) and \h (hexadecimal digits there, blanks here) mean other sets;
/// bracketed classes may there hold classes and intersections: [\p{L}&&[^\p{Han}]].
class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  std::string Run() {
    std::string out;
    while (at_ < in_.size()) {
      if (in_[at_] == '[') {
        ++at_;
        out += Class(0);
      } else if (in_[at_] == '\\' && at_ + 1 < in_.size()) {
        const std::string_view set = SetOf(in_[at_ + 1]);
        if (set.empty()) {
          out += in_.substr(at_, 2);
        } else {
          out += (IsComplement(in_[at_ + 1]) ? "[^" : "[") + std::string(set) + "]";
        }
        at_ += 2;
      } else {
        out += in_[at_++];
      }
    }
    return out;
  }

 private:
  static constexpr int kMaxDepth = 16;

  /// The members of an escape that is rewritten; for \S, \W, \H those of its complement.
  static std::string_view SetOf(char letter) {
    switch (letter) {
      case 's':
      case 'S':
        return R"(\t-\r \x{85}\p{Z})";
      case 'w':
      case 'W':
        return R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
      case 'h':
      case 'H':
        return "0-9a-fA-F";
      default:
        return {};
    }
  }
  static bool IsComplement(char letter) { return letter == 'S' || letter == 'W' || letter == 'H'; }

  /// One character of a class whose "[" has been read: a bracket where the class is plain, else a group.
  std::string Class(int depth) {
    const bool negated = Skip('^');
    std::string members;              // what PCRE2 may have between its own brackets
    std::vector<std::string> others;  // further alternatives, each one character wide
    std::string all_before;           // the left sides of && so far, as look-aheads
    if (Peek(']')) {                  // a bracket that comes first is a member
      members += "\\]";
      ++at_;
    }
    while (at_ < in_.size() && in_[at_] != ']') {
      if (in_.substr(at_).starts_with("&&")) {
        at_ += 2;
        all_before += "(?=" + Union(members, others) + ")";
        members.clear();
        others.clear();
      } else if (in_.substr(at_).starts_with("[:")) {
        const std::size_t end = std::min(in_.find(":]", at_), in_.size() - 2) + 2;
        members += in_.substr(at_, end - at_);
        at_ = end;
      } else if (in_[at_] == '[' && depth < kMaxDepth) {
        ++at_;
        others.push_back(Class(depth + 1));
      } else if (in_[at_] == '\\' && at_ + 1 < in_.size()) {
        const char letter = in_[at_ + 1];
        const std::string_view set = SetOf(letter);
        if (IsComplement(letter)) {
          others.push_back("[^" + std::string(set) + "]");
        } else {
          members += set.empty() ? in_.substr(at_, 2) : set;
        }
        at_ += 2;
      } else {
        if (in_[at_] == '[') members += '\\';
        members += in_[at_++];
      }
    }
    if (at_ >= in_.size()) return "[" + members;  // PCRE2 says what is wrong
    ++at_;
    if (all_before.empty() && others.empty()) return (negated ? "[^" : "[") + members + "]";
    const std::string one = all_before + Union(members, others);
    return negated ? "(?:(?!" + one + ")(?s:.))" : "(?:" + one + ")";
  }

  static std::string Union(const std::string& members, const std::vector<std::string>& others) {
    std::string out = "(?:";
    if (!members.empty()) out += "[" + members + "]";
    for (const std::string& other : others) out += (out.size() > 3 ? "|" : "") + other;
    return out + ")";
  }
  bool Peek(char c) const { return at_ < in_.size() && in_[at_] == c; }
  bool Skip(char c) {
    if (!Peek(c)) return false;
    ++at_;
    return true;
  }

  std::string_view in_;
  std::size_t at_ = 0;
};

class Literal final : public Pattern {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}
  Match Find(std::string_view text, std::size_t from, std::size_t /*last_end*/) const override {
    if (text_.empty()) return {};
    const std::size_t at = text.find(text_, from);
    return at == text.npos ? Match() : Match{at, at + text_.size()};
  }

 private:
  std::string text_;
};

}  // namespace

std::unique_ptr<Pattern> MakeLiteral(std::string text) { return std::make_unique<Literal>(std::move(text)); }

Result<std::unique_ptr<Pattern>> MakeRegex(std::string_view expression) {
  const std::string translated = Translator(expression).Run();
  int error = 0;
  PCRE2_SIZE offset = 0;
  // Ruby's ^ and $ are ends of lines.
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code == nullptr) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof(message));
    return Fail(ErrorCode::kUnsupported, "expression \"{}\": {} at offset {}", translated, message, offset);
  }
  // Without a JIT (a hardened kernel) PCRE2 interprets: slower, the same result.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return std::make_unique<Regex>(code);
}

Result<std::unique_ptr<Pattern>> MakeExpression(std::string_view expression) {
  if (auto scanner = MakeScanner(expression)) return scanner;
  return MakeRegex(expression);
}

}  // namespace strata::tokenizer
