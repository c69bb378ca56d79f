// Lexemes as automata over bytes: a regex over code points, in one of two spellings, whose states are made when they
// are first reached.
//
//   Lexer lexer(store);
//   LexState s = lexer.Start(regex, Spelling::kJsonString);   // "…" with escapes; the regex speaks of the content
//   for (unsigned char byte : text) s = lexer.Next(s, byte);
//   lexer.Accepts(s)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "grammar/byte_table.h"
#include "grammar/regex.h"

namespace strata::grammar {

enum class Spelling : std::uint8_t {
  kText,        ///< UTF-8 as it stands
  kJsonString,  ///< between double quotes, RFC 8259 section 7, raw or escaped (needless escapes excepted)
  kJsonPart,    ///< the same without the quotes: a part of what stands between them
};

using LexState = std::uint32_t;
inline constexpr LexState kDeadState = 0;

/// Every state but kDeadState can reach acceptance. Not thread-safe.
class Lexer {
 public:
  explicit Lexer(RegexStore& regexes);

  LexState Start(RegexId regex, Spelling spelling);
  /// Exactly this special token, which no text spells: the byte 0xFF and three bytes of its id, as vocabulary.h has it.
  LexState StartToken(std::int32_t token);
  LexState Next(LexState state, std::uint8_t byte) {
    const ByteTable& table = Prepared(state).next;
    const LexState next = table.Get(byte);
    return next != ByteTable::kUnknown ? next : ComputeNext(state, byte);
  }
  /// The bytes that may go on; all others are dead.
  const ByteSet& MayFollow(LexState state) { return Prepared(state).next.may(); }
  bool Accepts(LexState state) const { return states_[state].accepts; }
  /// The word of a OneOf that has been spelled (RegexStore::MatchedWord) where Accepts; -1 for other lexemes.
  std::int32_t MatchedWord(LexState state) const { return states_[state].word; }
  /// Whether, moreover, any string may follow.
  bool IsFreeContent(LexState state) const {
    return IsStringContent(state) && states_[state].key.regex == RegexStore::kAnything;
  }
  /// Whether the state is between two characters of a JSON string's content.
  bool IsStringContent(LexState state) const {
    const Key& key = states_[state].key;
    return key.spelling == Spelling::kJsonString && key.phase == Phase::kContent;
  }
  /// Whether the state is amid the hexadecimal digits that spell a character.
  bool IsWithinHex(LexState state) const {
    const Phase phase = states_[state].key.phase;
    return phase == Phase::kHex || phase == Phase::kLowHex;
  }
  /// Inside a JSON string, of ordinary code points (those that stand for themselves and that a `.` matches: no control,
  /// quote, backslash, line or paragraph separator):
  struct Freedom {
    std::uint32_t depth = 0;  ///< so many may follow, whatever they are; counted up to kFreeLimit
    bool may_end = false;     ///< the string may end after any number of these, none included
    bool stops = false;       ///< no further ordinary one may follow these
    bool any = false;         ///< depth is kFreeLimit, and all this holds for code points of every kind
  };
  static constexpr std::uint32_t kFreeLimit = 32;
  static bool IsOrdinary(char32_t c);
  Freedom FreedomOf(LexState state);

  std::size_t size() const { return states_.size(); }
  RegexStore& regexes() { return regexes_; }

 private:
  /// How far the spelling of the next code point has come.
  enum class Phase : std::uint8_t {
    kOpen,     ///< before the opening quote
    kContent,  ///< between code points
    kClosed,   ///< after the closing quote
    kUtf8,     ///< value: bits so far; left: bytes to come
    kEscape,   ///< after a backslash
    kHex,      ///< value: digits so far; left: digits to come
    kLowBackslash,
    kLowU,
    kLowHex,  ///< the second half of a surrogate pair; high: the first
    kToken,   ///< a special token's bytes; value: its id; left: bytes to come
  };
  struct Key {
    RegexId regex;
    Spelling spelling;
    Phase phase;
    std::uint8_t left = 0;
    std::uint32_t value = 0;
    std::uint32_t high = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct State {
    Key key;
    bool accepts = false;
    std::int32_t word = -1;
    ByteTable next = {};
  };

  State& Prepared(LexState state) {
    State& at = states_[state];
    if (!at.next.prepared()) at.next.Prepare(ComputeMayFollow(at.key));
    return at;
  }
  ByteSet ComputeMayFollow(const Key& key);
  LexState Intern(const Key& key);
  LexState ComputeNext(LexState state, std::uint8_t byte);
  LexState Partial(const Key& key, char32_t least);
  LexState AfterCodePoint(const Key& key, char32_t c);
  LexState NextInContent(const Key& key, std::uint8_t byte);
  LexState NextInUtf8(const Key& key, std::uint8_t byte);
  LexState NextInEscape(const Key& key, std::uint8_t byte);
  LexState NextInHex(const Key& key, std::uint8_t byte);
  bool ReachesEscapable(RegexId regex, char32_t first, char32_t last);
  Freedom RegexFreedom(RegexId regex, std::uint32_t limit);

  RegexStore& regexes_;
  std::deque<State> states_;  // stay where they are
  std::unordered_map<Key, LexState, KeyHash> index_;
  std::map<std::pair<RegexId, std::uint32_t>, Freedom> freedom_;  ///< by regex and limit
};

}  // namespace strata::grammar
