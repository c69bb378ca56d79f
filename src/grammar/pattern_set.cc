#include "grammar/pattern_set.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "grammar/char_class.h"

namespace strata::grammar {
namespace {

bool IsAsciiLetter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAsciiDigit(char32_t c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> HexValue(std::string_view digits) {
  if (digits.empty() || digits.size() > 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const int digit = HexDigit(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value > kLastCodePoint ? std::nullopt : std::optional(static_cast<std::uint32_t>(value));
}

EscapedSet Character(char32_t c, PatternFlags flags) {
  const CharSet set = CharSet::Of(c);
  return {flags.ignore_case ? CloseUnderCase(set) : set, c};
}

/// What \d, \w (ASCII or Unicode's) and \s are. ECMA-262's white space has U+FEFF, Python's the separators of
/// information (U+001C to U+001F) and U+0085.
const CharSet& NamedChars(char32_t name, PatternReading reading) {
  const bool wide = reading == PatternReading::kWide;
  if (name == 'd') {
    static const CharSet digits = *UnicodeProperty("Nd");
    return wide ? digits : DigitChars();
  }
  if (name == 'w') {
    static const CharSet letters = UnicodeProperty("L")->Union(*UnicodeProperty("N")).Union(CharSet::Of('_'));
    return wide ? letters : WordChars();
  }
  static const CharSet all = SpaceChars().Union(CharSet({{0x1C, 0x1F}, {0x85, 0x85}}));
  static const CharSet common = SpaceChars().Complement().Union(CharSet::Of(0xFEFF)).Complement();
  return wide ? all : reading == PatternReading::kNarrow ? common : SpaceChars();
}

EscapedSet Class(const CharSet& set, bool complement, PatternFlags flags) {
  const CharSet closed = flags.ignore_case ? CloseUnderCase(set) : set;
  return {complement ? closed.Complement() : closed, std::nullopt};
}

/// \xHH, \uHHHH, \UHHHHHHHH or, in braces, as many digits as there are.
Result<EscapedSet> Hexadecimal(PatternCursor& cursor, char32_t kind, PatternFlags flags) {
  const std::size_t at = cursor.offset();
  if (cursor.Take("{")) {
    STRATA_TRY(const std::string_view digits, cursor.TakeUntil('}'));
    const auto value = HexValue(digits);
    if (!value) return PatternCursor::InvalidAt(at, "{{{}}} is no code point", digits);
    return Character(*value, flags);
  }
  const std::size_t count = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
  const auto value = HexValue(cursor.rest().substr(0, count));
  if (!value || cursor.rest().size() < count) return PatternCursor::InvalidAt(at, "expected {} hex digits", count);
  cursor.Skip(count);
  const bool high = *value >= 0xD800 && *value < 0xDC00;
  if (kind == 'u' && high && cursor.Looks("\\u")) {  // a pair of surrogates is one code point
    const auto low = HexValue(cursor.rest().substr(2, 4));
    if (low && *low >= 0xDC00 && *low < 0xE000 && cursor.rest().size() >= 6) {
      cursor.Skip(6);
      return Character(0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00), flags);
    }
  }
  return Character(*value, flags);
}

/// \p{…}, \P{…} and the short \pL.
Result<EscapedSet> Property(PatternCursor& cursor, bool complement, PatternFlags flags) {
  const std::size_t at = cursor.offset();
  std::string name;
  if (cursor.Take("{")) {
    STRATA_TRY(const std::string_view braced, cursor.TakeUntil('}'));
    name = braced;
  } else if (!cursor.AtEnd()) {
    AppendUtf8(name, cursor.TakeCodePoint());
  }
  const auto set = UnicodeProperty(name);
  if (!set) return PatternCursor::UnsupportedAt(at, fmt::format("the Unicode property '{}'", name));
  // The complement first: \P{Lu} without case is whatever folds to something that is not Lu (ECMA-262, 22.2.2.9).
  return Class(complement ? set->Complement() : *set, false, flags);
}

/// A member of a class: an escape, a POSIX class or a character as it stands.
Result<EscapedSet> ClassMember(PatternCursor& cursor, PatternReading reading) {
  const PatternFlags as_written{.reading = reading};  // the class as a whole is closed under case
  const std::size_t at = cursor.offset();
  if (cursor.Take("\\")) {
    if (cursor.Take("b")) return Character('\b', as_written);
    if (cursor.Take("-")) return Character('-', as_written);
    return ParseEscape(cursor, as_written);
  }
  // Without a ] behind it, [[:alpha:] is JavaScript's: a class of these characters.
  const std::size_t end = cursor.Looks("[:") ? cursor.rest().find(":]") : std::string_view::npos;
  if (end != std::string_view::npos && cursor.rest().find(']', end + 2) != std::string_view::npos) {
    const bool complement = cursor.Looks("[:^");
    const std::size_t begin = complement ? 3 : 2;
    if (const auto set = PosixClass(cursor.rest().substr(begin, end - begin))) {
      cursor.Skip(end + 2);
      return Class(*set, complement, as_written);
    }
  }
  if (cursor.Looks("[=") || cursor.Looks("[.")) {
    const char kind = cursor.rest()[1];
    if (cursor.rest().substr(2).find(std::string{kind, ']'}) != std::string_view::npos) {
      return PatternCursor::UnsupportedAt(at, "a collating element");
    }
  }
  return Character(cursor.TakeCodePoint(), as_written);
}

}  // namespace

Result<EscapedSet> ParseEscape(PatternCursor& cursor, PatternFlags flags) {
  const std::size_t at = cursor.offset();
  if (cursor.AtEnd()) return PatternCursor::InvalidAt(at, "a backslash at the end");
  const char32_t c = cursor.TakeCodePoint();
  switch (c) {
    case 'd':
    case 'w':
    case 's':
      return Class(NamedChars(c, flags.reading), false, flags);
    case 'D':
    case 'W':
    case 'S':
      return Class(NamedChars(c - 'A' + 'a', OfComplement(flags.reading)), true, flags);
    case 'p':
    case 'P':
      return Property(cursor, c == 'P', flags);
    case 't':
      return Character('\t', flags);
    case 'n':
      return Character('\n', flags);
    case 'v':
      return Character('\v', flags);
    case 'f':
      return Character('\f', flags);
    case 'r':
      return Character('\r', flags);
    case 'x':
    case 'u':
    case 'U':
      return Hexadecimal(cursor, c, flags);
    case 'c': {
      const char32_t letter = cursor.AtEnd() ? 0 : cursor.TakeCodePoint();
      if (!IsAsciiLetter(letter)) return PatternCursor::InvalidAt(at, "\\c without a letter");
      return Character(letter % 32, flags);
    }
    case '0':
      if (!cursor.AtEnd() && IsAsciiDigit(static_cast<unsigned char>(cursor.rest()[0]))) {
        return PatternCursor::UnsupportedAt(at, "an octal escape");
      }
      return Character(0, flags);
    default:
      break;
  }
  if (IsAsciiDigit(c) || c == 'k') return PatternCursor::UnsupportedAt(at, "a back-reference");
  if (c == 'R' || c == 'X' || c == 'K' || c == 'G' || c == 'Q' || c == 'N' || c == 'h' || c == 'H') {
    return PatternCursor::UnsupportedAt(at, fmt::format("the escape \\{}", static_cast<char>(c)));
  }
  if (IsAsciiLetter(c)) return PatternCursor::InvalidAt(at, "unknown escape \\{}", static_cast<char>(c));
  return Character(c, flags);
}

Result<CharSet> ParseClass(PatternCursor& cursor, PatternFlags flags) {
  const std::size_t at = cursor.offset() - 1;
  const bool complement = cursor.Take("^");
  const PatternReading reading = complement ? OfComplement(flags.reading) : flags.reading;
  std::vector<CharRange> ranges;
  const auto add = [&ranges](const CharSet& set) {
    ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end());
  };
  while (!cursor.Take("]")) {
    if (cursor.AtEnd()) return PatternCursor::InvalidAt(at, "a class without ]");
    const std::size_t member_at = cursor.offset();
    STRATA_TRY(const EscapedSet first, ClassMember(cursor, reading));
    const bool range = cursor.Looks("-") && !cursor.Looks("-]") && cursor.rest().size() > 1;
    if (!range) {
      add(first.set);
      continue;
    }
    cursor.Skip(1);
    STRATA_TRY(const EscapedSet last, ClassMember(cursor, reading));
    if (first.character && last.character) {
      if (*first.character > *last.character) return PatternCursor::InvalidAt(member_at, "a range that runs backwards");
      ranges.push_back({*first.character, *last.character});
    } else {  // [\w-.]: no range, the hyphen is itself (ECMA-262, B.1.2)
      add(first.set);
      add(CharSet::Of('-'));
      add(last.set);
    }
  }
  CharSet set(std::move(ranges));
  if (flags.ignore_case) set = CloseUnderCase(set);
  return complement ? set.Complement() : set;
}

}  // namespace strata::grammar
