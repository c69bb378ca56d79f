// Lark's grammar language (lark/grammars/lark.lark). What is accepted is what its Earley parser with a dynamic lexer
// accepts: any way to cut the text into terminals will do, and priorities only choose among parses.
#include <algorithm>
#include <string>

#include "grammar/ebnf.h"
#include "grammar/grammar_ast.h"
#include "grammar/lark_common.h"
#include "grammar/pattern.h"

namespace strata::grammar {
namespace {

/// Groups within groups.
constexpr int kMaxDepth = 200;
// Rules that no name of Lark can be: a run of ignored texts, and the start with such a run before it.
constexpr std::string_view kIgnored = "%ignore", kWhole = "%start";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

/// Terminals are in upper case, underscores aside.
bool IsTerminalName(std::string_view name) {
  const std::size_t letter = name.find_first_not_of('_');
  return letter != std::string_view::npos && name[letter] >= 'A' && name[letter] <= 'Z';
}

class LarkParser {
 public:
  LarkParser(RegexStore& store, std::string_view text) : store_(store), cursor_(text) {}

  Result<GrammarAst> Parse();

 private:
  void SkipSpace();
  void SkipBlank();
  /// Whether the definition that is being read goes on: at the end of a line only with a | on the next one.
  bool GoesOn();
  Status Definition();
  Status Directive();
  Status Import(TextPosition at);
  Status ImportTerminal(std::string_view name, std::string_view alias, TextPosition at);
  Result<Expression> Alternatives();
  Result<Expression> Sequence();
  Result<Expression> Element();
  Result<Expression> Atom();
  Result<Expression> Group(std::string_view end);
  Result<Expression> Name();
  Result<Expression> Text();
  Result<Expression> Pattern();
  Result<Expression> Times(Expression element);
  Result<std::u32string> Quoted();
  Result<char32_t> Escape();
  Result<std::uint32_t> Number();
  /// A terminal as it stands in a rule: with what may be ignored behind it.
  Expression InRule(Expression terminal);

  RegexStore& store_;
  TextCursor cursor_;
  RuleTable rules_;
  std::vector<Expression> ignored_;
  bool in_terminal_ = false;  ///< a terminal is being defined: nothing is ignored inside
  int depth_ = 0;
};

Result<GrammarAst> LarkParser::Parse() {
  for (SkipBlank(); !cursor_.AtEnd(); SkipBlank()) {
    STRATA_CHECK(cursor_.Take("%") ? Directive() : Definition());
  }
  const TextPosition end = cursor_.position();
  STRATA_CHECK(
      rules_.Define(kIgnored, end, Expression::Repeat(Expression::Alternatives(std::move(ignored_)), 0, kUnbounded)));
  std::vector<Expression> whole = {Expression::Rule(rules_.Use(kIgnored, end)),
                                   Expression::Rule(rules_.Use("start", end))};
  STRATA_CHECK(rules_.Define(kWhole, end, Expression::Sequence(std::move(whole))));
  return std::move(rules_).Finish(kWhole);
}

/// Spaces, comments and lines that are continued by a backslash.
void LarkParser::SkipSpace() {
  while (true) {
    cursor_.TakeWhile(IsSpace);
    if (cursor_.Looks("//") || cursor_.Looks("#")) {
      cursor_.TakeWhile([](char c) { return c != '\n'; });
    } else if (!cursor_.Take("\\\n") && !cursor_.Take("\\\r\n")) {
      return;
    }
  }
}

void LarkParser::SkipBlank() {
  do {
    SkipSpace();
  } while (cursor_.Take("\n"));
}

bool LarkParser::GoesOn() {
  SkipSpace();
  if (cursor_.Peek() == '\n') {
    const TextCursor line_end = cursor_;
    SkipBlank();
    if (depth_ == 0 && cursor_.Peek() != '|') cursor_ = line_end;
  }
  return !cursor_.AtEnd() && cursor_.Peek() != '\n';
}

Status LarkParser::Definition() {
  const TextPosition at = cursor_.position();
  cursor_.TakeWhile([](char c) { return c == '?' || c == '!'; });  // these shape trees
  const std::string_view name = cursor_.TakeWhile(IsNameChar);
  if (name.empty()) return cursor_.Invalid("expected a rule, a terminal or a directive");
  if (cursor_.Peek() == '{') return cursor_.Unsupported("a template");
  if (cursor_.Take(".")) {  // a priority
    cursor_.Take("-");
    STRATA_CHECK(Number());
  }
  SkipSpace();
  if (!cursor_.Take(":")) return cursor_.Invalid("expected : after '{}'", name);
  in_terminal_ = IsTerminalName(name);
  STRATA_TRY(Expression body, Alternatives());
  if (GoesOn()) return cursor_.Invalid("unexpected '{}'", cursor_.Peek());
  return rules_.Define(name, at, std::move(body));
}

Status LarkParser::Directive() {
  const TextPosition at = cursor_.position();
  const std::string_view directive = cursor_.TakeWhile(IsNameChar);
  SkipSpace();
  if (directive == "import") return Import(at);
  if (directive != "ignore") return cursor_.Unsupported(fmt::format("%{}", directive));
  in_terminal_ = true;
  STRATA_TRY(Expression ignored, Alternatives());
  ignored_.push_back(std::move(ignored));
  return {};
}

/// common.NAME, common.NAME -> ALIAS, common (NAME, NAME)
Status LarkParser::Import(TextPosition at) {
  const std::string_view module = cursor_.TakeWhile(IsNameChar);
  if (module != "common") return cursor_.Unsupported("an import from anywhere but common");
  SkipSpace();
  if (cursor_.Take("(")) {
    do {
      SkipBlank();
      const std::string_view name = cursor_.TakeWhile(IsNameChar);
      STRATA_CHECK(ImportTerminal(name, name, at));
      SkipBlank();
    } while (cursor_.Take(","));
    return cursor_.Take(")") ? Status() : cursor_.Invalid("expected )");
  }
  if (!cursor_.Take(".")) return cursor_.Invalid("expected common.NAME");
  const std::string_view name = cursor_.TakeWhile(IsNameChar);
  SkipSpace();
  if (!cursor_.Take("->")) return ImportTerminal(name, name, at);
  SkipSpace();
  return ImportTerminal(name, cursor_.TakeWhile(IsNameChar), at);
}

Status LarkParser::ImportTerminal(std::string_view name, std::string_view alias, TextPosition at) {
  const auto pattern = LarkCommonTerminal(name);
  if (!pattern || !IsTerminalName(alias)) return TextCursor::InvalidAt(at, "common has no terminal '{}'", name);
  STRATA_TRY(const RegexId regex, ParsePattern(store_, *pattern, Anchoring::kWhole));
  return rules_.Define(alias, at, Expression::Terminal(regex));
}

Result<Expression> LarkParser::Alternatives() {
  std::vector<Expression> alternatives;
  do {
    STRATA_TRY(Expression sequence, Sequence());
    alternatives.push_back(std::move(sequence));
  } while (GoesOn() && cursor_.Take("|"));
  return Expression::Alternatives(std::move(alternatives));
}

Result<Expression> LarkParser::Sequence() {
  std::vector<Expression> parts;
  while (GoesOn()) {
    const char next = cursor_.Peek();
    if (next == '|' || next == ')' || next == ']') break;
    if (cursor_.Take("->")) {  // the name of the alternative in trees
      SkipSpace();
      if (cursor_.TakeWhile(IsNameChar).empty()) return cursor_.Invalid("expected a name after ->");
      break;
    }
    STRATA_TRY(Expression part, Element());
    parts.push_back(std::move(part));
  }
  return Expression::Sequence(std::move(parts));
}

Result<Expression> LarkParser::Element() {
  STRATA_TRY(Expression atom, Atom());
  SkipSpace();
  if (cursor_.Take("?")) return Expression::Repeat(std::move(atom), 0, 1);
  if (cursor_.Take("*")) return Expression::Repeat(std::move(atom), 0, kUnbounded);
  if (cursor_.Take("+")) return Expression::Repeat(std::move(atom), 1, kUnbounded);
  if (cursor_.Take("~")) return Times(std::move(atom));
  return atom;
}

/// ~n or ~n..m
Result<Expression> LarkParser::Times(Expression element) {
  const TextPosition at = cursor_.position();
  SkipSpace();
  STRATA_TRY(const std::uint32_t min, Number());
  std::uint32_t max = min;
  SkipSpace();
  if (cursor_.Take("..")) {
    SkipSpace();
    STRATA_TRY(max, Number());
  }
  if (max < min) return TextCursor::InvalidAt(at, "a repetition of at least {} and at most {}", min, max);
  return Expression::Repeat(std::move(element), min, max);
}

Result<std::uint32_t> LarkParser::Number() {
  const std::string_view digits = cursor_.TakeWhile(IsDigit);
  if (digits.empty() || digits.size() > 9) return cursor_.Invalid("expected a number of at most 9 digits");
  std::uint32_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  return value;
}

Result<Expression> LarkParser::Atom() {
  if (cursor_.Take("(")) return Group(")");
  if (cursor_.Take("[")) {
    STRATA_TRY(Expression inside, Group("]"));
    return Expression::Repeat(std::move(inside), 0, 1);
  }
  if (cursor_.Peek() == '"') return Text();
  if (cursor_.Take("/")) return Pattern();
  if (IsNameChar(cursor_.Peek())) return Name();
  if (cursor_.Looks("<")) return cursor_.Unsupported("a token of the vocabulary");
  if (cursor_.Looks("%")) return cursor_.Unsupported("a grammar within the grammar");
  return cursor_.Invalid("expected a name, a text, a regular expression or a group");
}

Result<Expression> LarkParser::Group(std::string_view end) {
  const TextPosition at = cursor_.position();
  if (depth_ == kMaxDepth) return cursor_.Unsupported("so deep a group");
  ++depth_;
  STRATA_TRY(Expression inside, Alternatives());
  const bool closed = GoesOn() && cursor_.Take(end);
  --depth_;
  if (!closed) return TextCursor::InvalidAt(at, "a group without {}", end);
  return inside;
}

Result<Expression> LarkParser::Name() {
  const TextPosition at = cursor_.position();
  const std::string_view name = cursor_.TakeWhile(IsNameChar);
  if (cursor_.Peek() == '{') return cursor_.Unsupported("a template");
  const bool terminal = IsTerminalName(name);
  if (in_terminal_ && !terminal) return TextCursor::InvalidAt(at, "the rule '{}' in a terminal", name);
  Expression reference = Expression::Rule(rules_.Use(name, at));
  return terminal ? InRule(std::move(reference)) : reference;
}

Expression LarkParser::InRule(Expression terminal) {
  if (in_terminal_) return terminal;
  std::vector<Expression> parts;
  parts.push_back(std::move(terminal));
  parts.push_back(Expression::Rule(rules_.Use(kIgnored, cursor_.position())));
  return Expression::Sequence(std::move(parts));
}

/// "text", "text"i or "a".."z"
Result<Expression> LarkParser::Text() {
  const TextPosition at = cursor_.position();
  STRATA_TRY(const std::u32string text, Quoted());
  if (cursor_.Looks("..")) {
    cursor_.Skip(2);
    STRATA_TRY(const std::u32string last, Quoted());
    if (text.size() != 1 || last.size() != 1 || last < text) {
      return TextCursor::InvalidAt(at, "a range is of two characters in their order");
    }
    return InRule(Expression::Terminal(store_.Set(CharSet({{text[0], last[0]}}))));
  }
  const bool ignore_case = cursor_.Take("i");
  std::string pattern = ignore_case ? "(?i)" : "";
  for (const char32_t c : text) pattern += fmt::format("\\u{{{:X}}}", static_cast<std::uint32_t>(c));
  STRATA_TRY(const RegexId regex, ParsePattern(store_, pattern, Anchoring::kWhole));
  return InRule(Expression::Terminal(regex));
}

Result<std::u32string> LarkParser::Quoted() {
  const TextPosition at = cursor_.position();
  if (!cursor_.Take("\"")) return cursor_.Invalid("expected a text in quotes");
  std::u32string text;
  while (!cursor_.Take("\"")) {
    if (cursor_.AtEnd() || cursor_.Peek() == '\n') return TextCursor::InvalidAt(at, "a text without its end");
    if (cursor_.Take("\\")) {
      STRATA_TRY(const char32_t c, Escape());
      text += c;
    } else {
      text += cursor_.TakeCodePoint();
    }
  }
  return text;
}

Result<char32_t> LarkParser::Escape() {
  const TextPosition at = cursor_.position();
  if (cursor_.AtEnd()) return cursor_.Invalid("a backslash at the end");
  const char32_t c = cursor_.TakeCodePoint();
  switch (c) {
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'f':
      return U'\f';
    case '"':
    case '\\':
    case '/':
      return c;
    case 'x':
    case 'u':
    case 'U':
      return TakeHex(cursor_, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    default:
      return TextCursor::InvalidAt(at, "unknown escape in a text");
  }
}

/// /pattern/flags, in the dialect of pattern.h. Look-ahead, ^ and $ see the text of the terminal alone.
Result<Expression> LarkParser::Pattern() {
  const TextPosition at = cursor_.position();
  std::string pattern;
  while (!cursor_.Take("/")) {
    if (cursor_.AtEnd() || cursor_.Peek() == '\n')
      return TextCursor::InvalidAt(at, "a regular expression without its end");
    if (cursor_.Peek() == '\\') {
      pattern += '\\';
      cursor_.Skip(1);
      if (cursor_.AtEnd()) continue;
    }
    AppendUtf8(pattern, cursor_.TakeCodePoint());
  }
  const std::string_view flags = cursor_.TakeWhile([](char c) { return c >= 'a' && c <= 'z'; });
  if (flags.find_first_not_of("imsu") != std::string_view::npos) return cursor_.Unsupported("a flag but i, m, s and u");
  std::string inline_flags;
  std::ranges::copy_if(flags, std::back_inserter(inline_flags), [](char c) { return c != 'u'; });
  if (!inline_flags.empty()) pattern = "(?" + inline_flags + ")" + pattern;
  STRATA_TRY(const RegexId regex, ParsePattern(store_, pattern, Anchoring::kWhole), "the grammar, line {}, column {}",
             at.line, at.column);
  return InRule(Expression::Terminal(regex));
}

}  // namespace

Result<NodeId> CompileLark(Network& network, std::string_view text, Spelling spelling) {
  if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidArgument, "the grammar is not UTF-8");
  STRATA_TRY(const GrammarAst grammar, LarkParser(network.regexes(), text).Parse());
  return LowerGrammar(network, grammar, spelling);
}

}  // namespace strata::grammar
