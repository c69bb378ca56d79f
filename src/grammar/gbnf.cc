// GBNF, as llama.cpp (grammars/README.md) and XGrammar (EBNF) have it. A rule ends where the next one begins, wherever
// the lines end.
#include <algorithm>
#include <optional>

#include "grammar/ebnf.h"
#include "grammar/grammar_ast.h"

namespace strata::grammar {
namespace {

/// Groups within groups, and quantifiers one after the other: what nests in the tree.
constexpr int kMaxDepth = 200, kMaxQuantifiers = 8;

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class GbnfParser {
 public:
  GbnfParser(RegexStore& store, std::string_view text) : store_(store), cursor_(text) {}

  Result<GrammarAst> Parse() {
    SkipBlank();
    while (!cursor_.AtEnd()) STRATA_CHECK(Rule());
    return std::move(rules_).Finish("root");
  }

 private:
  void SkipBlank();
  bool AtRule() const;
  Status Rule();
  Result<Expression> Alternatives();
  Result<Expression> Sequence();
  Result<Expression> Element();
  Result<Expression> Group();
  Result<Expression> Quantified(Expression element);
  Result<Expression> Braces(Expression element);
  Result<std::optional<std::uint32_t>> Number();
  Result<Expression> Literal();
  Result<Expression> Class();
  /// A character of a literal or class, which `end` would close.
  Result<char32_t> Character(char end);
  Result<char32_t> Escape();

  RegexStore& store_;
  TextCursor cursor_;
  RuleTable rules_;
  int depth_ = 0;
};

/// White space and comments.
void GbnfParser::SkipBlank() {
  while (true) {
    cursor_.TakeWhile([](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    if (cursor_.Peek() != '#') return;
    cursor_.TakeWhile([](char c) { return c != '\n'; });
  }
}

/// Whether `name ::=` comes.
bool GbnfParser::AtRule() const {
  TextCursor ahead = cursor_;
  if (ahead.TakeWhile(IsNameChar).empty()) return false;
  ahead.TakeWhile([](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  return ahead.Looks("::=");
}

Status GbnfParser::Rule() {
  const TextPosition at = cursor_.position();
  if (!AtRule()) return cursor_.Invalid("expected a rule, name ::= …");
  const std::string_view name = cursor_.TakeWhile(IsNameChar);
  SkipBlank();
  cursor_.Take("::=");
  STRATA_TRY(Expression body, Alternatives());
  if (!cursor_.AtEnd() && !AtRule()) return cursor_.Invalid("a ) that closes nothing");
  return rules_.Define(name, at, std::move(body));
}

Result<Expression> GbnfParser::Alternatives() {
  std::vector<Expression> alternatives;
  do {
    STRATA_TRY(Expression sequence, Sequence());
    alternatives.push_back(std::move(sequence));
  } while (cursor_.Take("|"));
  return Expression::Alternatives(std::move(alternatives));
}

Result<Expression> GbnfParser::Sequence() {
  std::vector<Expression> parts;
  for (SkipBlank(); !cursor_.AtEnd() && cursor_.Peek() != '|' && cursor_.Peek() != ')' && !AtRule(); SkipBlank()) {
    STRATA_TRY(Expression element, Element());
    STRATA_TRY(Expression part, Quantified(std::move(element)));
    parts.push_back(std::move(part));
  }
  return Expression::Sequence(std::move(parts));
}

Result<Expression> GbnfParser::Element() {
  if (IsNameChar(cursor_.Peek())) {
    const TextPosition at = cursor_.position();
    return Expression::Rule(rules_.Use(cursor_.TakeWhile(IsNameChar), at));
  }
  if (cursor_.Take("\"")) return Literal();
  if (cursor_.Take("[")) return Class();
  if (cursor_.Take(".")) return Expression::Terminal(store_.Set(CharSet::All()));
  if (cursor_.Take("(")) return Group();
  if (cursor_.Looks("<") || cursor_.Looks("!<")) return cursor_.Unsupported("a token of the vocabulary");
  return cursor_.Invalid("expected a literal, a class, a group or the name of a rule");
}

Result<Expression> GbnfParser::Group() {
  const TextPosition at = cursor_.position();
  if (cursor_.Looks("=")) return cursor_.Unsupported("look-ahead");
  if (depth_ == kMaxDepth) return cursor_.Unsupported("so deep a group");
  ++depth_;
  STRATA_TRY(Expression inside, Alternatives());
  --depth_;
  if (!cursor_.Take(")")) return TextCursor::InvalidAt(at, "a group without )");
  return inside;
}

Result<Expression> GbnfParser::Quantified(Expression element) {
  for (int count = 0;; ++count) {
    SkipBlank();
    if (count == kMaxQuantifiers) return cursor_.Unsupported("so many quantifiers");
    if (cursor_.Take("*")) {
      element = Expression::Repeat(std::move(element), 0, kUnbounded);
    } else if (cursor_.Take("+")) {
      element = Expression::Repeat(std::move(element), 1, kUnbounded);
    } else if (cursor_.Take("?")) {
      element = Expression::Repeat(std::move(element), 0, 1);
    } else if (cursor_.Take("{")) {
      STRATA_TRY(element, Braces(std::move(element)));
    } else {
      return element;
    }
  }
}

Result<Expression> GbnfParser::Braces(Expression element) {
  const TextPosition at = cursor_.position();
  STRATA_TRY(const auto min, Number());
  auto max = min;
  SkipBlank();
  if (cursor_.Take(",")) {
    STRATA_TRY(max, Number());
    if (min && !max) max = kUnbounded;
    SkipBlank();
  }
  if (!cursor_.Take("}") || !max) return TextCursor::InvalidAt(at, "expected a repetition: {{m}}, {{m,}} or {{m,n}}");
  if (min.value_or(0) > *max)
    return TextCursor::InvalidAt(at, "a repetition of at least {} and at most {}", *min, *max);
  return Expression::Repeat(std::move(element), min.value_or(0), *max);
}

Result<std::optional<std::uint32_t>> GbnfParser::Number() {
  SkipBlank();
  const std::string_view digits = cursor_.TakeWhile(IsDigit);
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(c - '0'), kUnbounded);
  if (value >= kUnbounded) return cursor_.Invalid("the number {} is too large", digits.substr(0, 20));
  return static_cast<std::uint32_t>(value);
}

Result<Expression> GbnfParser::Literal() {
  std::vector<RegexId> characters;
  while (!cursor_.Take("\"")) {
    STRATA_TRY(const char32_t c, Character('"'));
    characters.push_back(store_.Char(c));
  }
  return Expression::Terminal(store_.Concat(characters));
}

Result<Expression> GbnfParser::Class() {
  const bool complement = cursor_.Take("^");
  std::vector<CharRange> ranges;
  while (!cursor_.Take("]")) {
    const TextPosition at = cursor_.position();
    STRATA_TRY(const char32_t first, Character(']'));
    char32_t last = first;
    if (cursor_.Looks("-") && !cursor_.Looks("-]")) {
      cursor_.Skip(1);
      STRATA_TRY(last, Character(']'));
    }
    if (last < first) return TextCursor::InvalidAt(at, "a range that runs backwards");
    ranges.push_back({first, last});
  }
  const CharSet set(std::move(ranges));
  return Expression::Terminal(store_.Set(complement ? set.Complement() : set));
}

Result<char32_t> GbnfParser::Character(char end) {
  if (cursor_.AtEnd()) return cursor_.Invalid("expected {} before the end", end);
  if (cursor_.Take("\\")) return Escape();
  return cursor_.TakeCodePoint();
}

Result<char32_t> GbnfParser::Escape() {
  if (cursor_.AtEnd()) return cursor_.Invalid("a backslash at the end");
  const TextPosition at = cursor_.position();
  const char32_t c = cursor_.TakeCodePoint();
  switch (c) {
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'x':
    case 'u':
    case 'U':
      return TakeHex(cursor_, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    default:
      if (c < 0x80 && IsNameChar(static_cast<char>(c)) && c != '-' && c != '_') {
        return TextCursor::InvalidAt(at, "unknown escape \\{}", static_cast<char>(c));
      }
      return c;
  }
}

}  // namespace

Result<NodeId> CompileGbnf(Network& network, std::string_view text) {
  if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidArgument, "the grammar is not UTF-8");
  STRATA_TRY(const GrammarAst grammar, GbnfParser(network.regexes(), text).Parse());
  return LowerGrammar(network, grammar);
}

}  // namespace strata::grammar
