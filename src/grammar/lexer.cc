#include "grammar/lexer.h"

#include <algorithm>

#include "base/hash.h"
#include "base/hex.h"

namespace strata::grammar {
namespace {

constexpr char32_t kHighSurrogates = 0xD800, kLowSurrogates = 0xDC00, kAfterSurrogates = 0xE000;
constexpr char32_t kFirstSupplementary = 0x10000;
/// The bytes to come of a character do not matter any more.
constexpr std::uint32_t kWhatever = 0xFFFFFFFF;

/// What a one-letter escape stands for; 0 for none (RFC 8259 section 7).
char32_t ShortEscape(std::uint8_t letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return 0x08;
    case 'f':
      return 0x0C;
    case 'n':
      return 0x0A;
    case 'r':
      return 0x0D;
    case 't':
      return 0x09;
    default:
      return 0;
  }
}

/// The first byte of a character of two bytes or more in UTF-8.
std::uint32_t LeadByte(char32_t c) { return c < 0x800 ? 0xC0 | c >> 6 : c < 0x10000 ? 0xE0 | c >> 12 : 0xF0 | c >> 18; }

/// The next byte of a special token's four.
std::uint8_t TokenByte(std::uint32_t id, std::uint8_t left) {
  return left == 4 ? 0xFF : static_cast<std::uint8_t>(id >> (8 * (left - 1)) & 0xFF);
}

/// The characters that may be written as an escape. Those for which no writer of JSON does so are not among them: a
/// model that wanders would spell whole words in hexadecimal. Control characters, quotes, backslash and slash, what Go,
/// Gson, PHP and .NET escape for the sake of HTML, and what is not ASCII.
const CharSet& Escapable() {
  static const CharSet set = [] {
    std::vector<CharRange> ranges = {{0, 0x1F}, {0x7F, kLastCodePoint}};
    for (const char c : std::string_view("\"'`&<>+=/\\")) {
      ranges.push_back({static_cast<char32_t>(c), static_cast<char32_t>(c)});
    }
    return CharSet(std::move(ranges));
  }();
  return set;
}

/// What may still be spelled after `value` of a UTF-8 sequence with `left` continuation bytes to come.
CharRange CompletionsOfUtf8(std::uint32_t value, std::uint8_t left) {
  return {value << (6 * left), ((value + 1) << (6 * left)) - 1};
}

const CharSet& OrdinaryInJson() {
  static const CharSet set = CharSet({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x2028, 0x2029}}).Complement();
  return set;
}

}  // namespace

std::size_t Lexer::KeyHash::operator()(const Key& key) const {
  const std::array<std::uint32_t, 4> content = {
      key.regex, static_cast<std::uint32_t>(key.spelling) << 16 | static_cast<std::uint32_t>(key.phase) << 8 | key.left,
      key.value, key.high};
  return Hash64(std::as_bytes(std::span(content)));
}

Lexer::Lexer(RegexStore& regexes) : regexes_(regexes) {
  states_.emplace_back();
  states_[kDeadState].next.Prepare({});
}

LexState Lexer::Intern(const Key& key) {
  if (const auto found = index_.find(key); found != index_.end()) return found->second;
  const auto id = static_cast<LexState>(states_.size());
  State& state = states_.emplace_back(State{.key = key});
  const bool at_end = key.phase == (key.spelling == Spelling::kJsonString ? Phase::kClosed : Phase::kContent);
  state.accepts = at_end && regexes_.Nullable(key.regex);
  if (state.accepts) state.word = regexes_.MatchedWord(key.regex);
  index_.emplace(key, id);
  return id;
}

LexState Lexer::Start(RegexId regex, Spelling spelling) {
  if (regexes_.IsNothing(regex)) return kDeadState;
  return Intern({regex, spelling, spelling == Spelling::kJsonString ? Phase::kOpen : Phase::kContent});
}

LexState Lexer::StartToken(std::int32_t token) {
  return Intern({RegexStore::kEmpty, Spelling::kText, Phase::kToken, 4, static_cast<std::uint32_t>(token)});
}

ByteSet Lexer::ComputeMayFollow(const Key& key) {
  ByteSet may;
  switch (key.phase) {
    case Phase::kOpen:
      may.Add('"');
      break;
    case Phase::kClosed:
      break;
    case Phase::kContent: {
      const bool is_json = key.spelling != Spelling::kText;
      const std::span<const RegexStep> steps = regexes_.Steps(key.regex);
      for (const RegexStep& step : steps) {
        for (char32_t c = std::max<char32_t>(step.first, is_json ? 0x20 : 0); c <= step.last && c < 0x80; ++c) {
          if (!is_json || (c != '"' && c != '\\')) may.Add(static_cast<std::uint8_t>(c));
        }
        if (step.last >= 0x80) may.AddRange(LeadByte(std::max<char32_t>(step.first, 0x80)), LeadByte(step.last));
      }
      if (key.spelling == Spelling::kJsonString && regexes_.Nullable(key.regex)) may.Add('"');
      if (is_json && ReachesEscapable(key.regex, 0, kLastCodePoint)) may.Add('\\');
      break;
    }
    case Phase::kUtf8:
      may.AddRange(0x80, 0xBF);
      break;
    case Phase::kEscape:
      may.AddAll("\"\\/bfnrtu");
      break;
    case Phase::kHex:
    case Phase::kLowHex:
      may.AddAll("0123456789abcdefABCDEF");
      break;
    case Phase::kLowBackslash:
      may.Add('\\');
      break;
    case Phase::kLowU:
      may.Add('u');
      break;
    case Phase::kToken:
      may.Add(TokenByte(key.value, key.left));
      break;
  }
  return may;
}

LexState Lexer::ComputeNext(LexState state, std::uint8_t byte) {
  const Key key = states_[state].key;
  LexState next = kDeadState;
  switch (key.phase) {
    case Phase::kOpen:
      if (byte == '"') next = Intern({key.regex, key.spelling, Phase::kContent});
      break;
    case Phase::kContent:
      next = NextInContent(key, byte);
      break;
    case Phase::kClosed:
      break;
    case Phase::kUtf8:
      next = NextInUtf8(key, byte);
      break;
    case Phase::kEscape:
      next = NextInEscape(key, byte);
      break;
    case Phase::kHex:
    case Phase::kLowHex:
      next = NextInHex(key, byte);
      break;
    case Phase::kLowBackslash:
      if (byte == '\\') next = Intern({key.regex, key.spelling, Phase::kLowU, 0, 0, key.high});
      break;
    case Phase::kLowU:
      if (byte == 'u') next = Intern({key.regex, key.spelling, Phase::kLowHex, 4, 0, key.high});
      break;
    case Phase::kToken: {
      if (byte != TokenByte(key.value, key.left)) break;
      next = key.left == 1
                 ? Intern({RegexStore::kEmpty, Spelling::kText, Phase::kContent})
                 : Intern({key.regex, key.spelling, Phase::kToken, static_cast<std::uint8_t>(key.left - 1), key.value});
      break;
    }
  }
  states_[state].next.Set(byte, next);
  return next;
}

LexState Lexer::NextInContent(const Key& key, std::uint8_t byte) {
  if (key.spelling != Spelling::kText) {
    if (byte == '"') {
      if (key.spelling == Spelling::kJsonPart || !regexes_.Nullable(key.regex)) return kDeadState;
      const bool is_word = regexes_.MatchedWord(key.regex) >= 0;
      return Intern({is_word ? key.regex : RegexStore::kEmpty, key.spelling, Phase::kClosed});
    }
    if (byte < 0x20) return kDeadState;
    if (byte == '\\') {
      return ReachesEscapable(key.regex, 0, kLastCodePoint) ? Intern({key.regex, key.spelling, Phase::kEscape})
                                                            : kDeadState;
    }
  }
  if (byte < 0x80) return AfterCodePoint(key, byte);
  Key partial = {key.regex, key.spelling, Phase::kUtf8};
  if (byte >= 0xC2 && byte <= 0xDF) {
    partial.left = 1;
    partial.value = byte & 0x1F;
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    partial.left = 2;
    partial.value = byte & 0x0F;
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    partial.left = 3;
    partial.value = byte & 0x07;
  } else {
    return kDeadState;
  }
  // A lead byte of three or four also begins overlong forms, which are not UTF-8.
  return Partial(partial, partial.left == 2 ? 0x800 : partial.left == 3 ? kFirstSupplementary : 0x80);
}

/// The state within a character, of which only those from `least` on count; a state that no longer looks at the
/// character's bytes where all its completions lead to one regex.
LexState Lexer::Partial(const Key& key, char32_t least) {
  const CharRange range = CompletionsOfUtf8(key.value, key.left);
  const char32_t first = std::max(range.first, least);
  if (first > range.last) return kDeadState;
  for (const RegexStep& step : regexes_.Steps(key.regex)) {
    if (step.last < first) continue;
    if (step.first > range.last) break;
    if (step.first <= range.first && step.last >= range.last && first == range.first) {
      return Intern({step.next, key.spelling, Phase::kUtf8, key.left, kWhatever});
    }
    return Intern(key);
  }
  return kDeadState;
}

LexState Lexer::NextInUtf8(const Key& key, std::uint8_t byte) {
  if ((byte & 0xC0) != 0x80) return kDeadState;
  const auto left = static_cast<std::uint8_t>(key.left - 1);
  if (key.value == kWhatever) {
    return left == 0 ? Intern({key.regex, key.spelling, Phase::kContent})
                     : Intern({key.regex, key.spelling, Phase::kUtf8, left, kWhatever});
  }
  const std::uint32_t value = key.value << 6 | (byte & 0x3F);
  // The second byte decides whether the form is overlong, a surrogate or beyond Unicode; Steps has only characters.
  const char32_t least = key.left == 2 ? 0x800 : key.left == 3 ? kFirstSupplementary : 0;
  if (left == 0) return value < least ? kDeadState : AfterCodePoint(key, value);
  return Partial({key.regex, key.spelling, Phase::kUtf8, left, value}, least);
}

LexState Lexer::AfterCodePoint(const Key& key, char32_t c) {
  const RegexId next = regexes_.Derivative(key.regex, c);
  return next == RegexStore::kNothing ? kDeadState : Intern({next, key.spelling, Phase::kContent});
}

LexState Lexer::NextInEscape(const Key& key, std::uint8_t byte) {
  if (byte == 'u') return Intern({key.regex, key.spelling, Phase::kHex, 4});
  const char32_t c = ShortEscape(byte);
  return c == 0 ? kDeadState : AfterCodePoint(key, c);
}

LexState Lexer::NextInHex(const Key& key, std::uint8_t byte) {
  const int digit = HexDigit(byte);
  if (digit < 0) return kDeadState;
  const bool low = key.phase == Phase::kLowHex;
  const auto left = static_cast<std::uint8_t>(key.left - 1);
  const std::uint32_t value = key.value << 4 | static_cast<std::uint32_t>(digit);
  // UTF-16 units that these digits may still become.
  const char32_t first = value << (4 * left), last = ((value + 1) << (4 * left)) - 1;
  if (low) {
    const char32_t low_first = std::max(first, kLowSurrogates),
                   low_last = std::min<char32_t>(last, kAfterSurrogates - 1);
    if (low_first > low_last) return kDeadState;
    const char32_t base = kFirstSupplementary + ((key.high - kHighSurrogates) << 10);
    if (left == 0) return AfterCodePoint(key, base + (low_first - kLowSurrogates));
    if (!ReachesEscapable(key.regex, base + (low_first - kLowSurrogates), base + (low_last - kLowSurrogates)))
      return kDeadState;
    return Intern({key.regex, key.spelling, key.phase, left, value, key.high});
  }
  const char32_t high_first = std::max(first, kHighSurrogates),
                 high_last = std::min<char32_t>(last, kLowSurrogates - 1);
  const bool pair = high_first <= high_last &&
                    ReachesEscapable(key.regex, kFirstSupplementary + ((high_first - kHighSurrogates) << 10),
                                     kFirstSupplementary + ((high_last - kHighSurrogates + 1) << 10) - 1);
  if (left == 0) {
    if (pair) return Intern({key.regex, key.spelling, Phase::kLowBackslash, 0, 0, value});
    return Escapable().Contains(value) ? AfterCodePoint(key, value) : kDeadState;
  }
  if (!pair && !ReachesEscapable(key.regex, first, last)) return kDeadState;
  return Intern({key.regex, key.spelling, Phase::kHex, left, value});
}

/// Whether an escapable character of [first, last] leads on.
bool Lexer::ReachesEscapable(RegexId regex, char32_t first, char32_t last) {
  const std::span<const RegexStep> steps = regexes_.Steps(regex);
  const auto at = std::ranges::lower_bound(steps, first, {}, &RegexStep::last);
  for (auto step = at; step != steps.end() && step->first <= last; ++step) {
    if (Escapable().Meets(std::max(first, step->first), std::min(last, step->last))) return true;
  }
  return false;
}

bool Lexer::IsOrdinary(char32_t c) { return OrdinaryInJson().Contains(c); }

Lexer::Freedom Lexer::FreedomOf(LexState state) {
  return IsStringContent(state) ? RegexFreedom(states_[state].key.regex, kFreeLimit) : Freedom();
}

Lexer::Freedom Lexer::RegexFreedom(RegexId regex, std::uint32_t limit) {
  const auto known = freedom_.find({regex, limit});
  if (known != freedom_.end()) return known->second;
  Freedom freedom = {.depth = 0, .may_end = regexes_.Nullable(regex), .stops = false, .any = limit == 0};
  if (limit > 0) {
    const std::vector<RegexStep> steps(regexes_.Steps(regex).begin(), regexes_.Steps(regex).end());
    std::vector<CharRange> covered;
    covered.reserve(steps.size());
    for (const RegexStep& step : steps) covered.push_back({step.first, step.last});
    const CharSet all(std::move(covered));
    const CharSet ordinary = all.Intersection(OrdinaryInJson());
    freedom.stops = ordinary.empty();
    if (ordinary == OrdinaryInJson()) {
      Freedom rest = {.depth = kFreeLimit, .may_end = true, .stops = true, .any = all == CharSet::All()};
      std::optional<std::uint32_t> common;
      for (const RegexStep& step : steps) {
        const Freedom next = RegexFreedom(step.next, limit - 1);
        rest.any = rest.any && next.any && next.depth == limit - 1;
        if (CharSet({{step.first, step.last}}).Intersection(OrdinaryInJson()).empty()) continue;
        rest.stops = rest.stops && next.stops && common.value_or(next.depth) == next.depth;
        common = next.depth;
        rest.depth = std::min(rest.depth, next.depth);
        rest.may_end = rest.may_end && next.may_end;
      }
      freedom = {
          .depth = rest.depth + 1, .may_end = freedom.may_end && rest.may_end, .stops = rest.stops, .any = rest.any};
    }
  }
  freedom_.emplace(std::pair(regex, limit), freedom);
  return freedom;
}

}  // namespace strata::grammar
