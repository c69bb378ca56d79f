#include "grammar/shortest_lexemes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace strata::grammar {
namespace {

/// States that one search looks at.
constexpr std::size_t kMostStates = 10'000;
/// Of hexadecimal digits, unless nothing else helps: a character that was begun with them is seldom one of a few.
constexpr std::size_t kDigitsToTry = 2;

/// What is looked at where there is something else: nothing wider than ASCII or white, everything but escapes,
/// everything. A text seldom gets shorter by the rest, and of escapes there are very many.
enum class BytesToTry : std::uint8_t { kPlain, kUnescaped, kAll };

/// What closes comes first: of the ways that are equally long, it is the one that people write.
std::vector<std::uint8_t> Candidates(const ByteSet& may, BytesToTry which) {
  constexpr std::string_view kClosing = "\"}]>";
  std::vector<std::uint8_t> bytes, wide, escape;
  for (const char byte : kClosing) {
    if (may.Contains(static_cast<std::uint8_t>(byte))) bytes.push_back(static_cast<std::uint8_t>(byte));
  }
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<std::uint8_t>(b);
    if (!may.Contains(byte) || kClosing.contains(static_cast<char>(b))) continue;
    (b == '\\' ? escape : b > ' ' && b < 0x7F ? bytes : wide).push_back(byte);
  }
  if (which != BytesToTry::kPlain || bytes.empty()) bytes.insert(bytes.end(), wide.begin(), wide.end());
  if (which == BytesToTry::kAll || bytes.empty()) bytes.insert(bytes.end(), escape.begin(), escape.end());
  return bytes;
}

/// The nearest accepting states, `most` of them.
std::vector<ShortestLexemes::End> FindEnds(Lexer& lexer, LexState from, BytesToTry which, std::size_t most) {
  struct Place {
    LexState state;
    std::uint32_t parent;
    std::uint8_t byte;
  };
  std::vector<ShortestLexemes::End> ends;
  std::vector<Place> places = {{from, 0, 0}};
  std::unordered_set<LexState> seen = {from};
  for (std::uint32_t at = 0; at < places.size() && at < kMostStates; ++at) {
    const LexState state = places[at].state;
    if (lexer.Accepts(state)) {
      std::string text;
      for (std::uint32_t p = at; p != 0; p = places[p].parent) text.push_back(static_cast<char>(places[p].byte));
      std::ranges::reverse(text);
      ends.push_back({state, std::move(text)});
      if (ends.size() == most) break;
    }
    const bool few = which != BytesToTry::kAll && lexer.IsWithinHex(state);
    std::size_t left = few ? kDigitsToTry : 256;
    for (const std::uint8_t byte : Candidates(lexer.MayFollow(state), which)) {
      const LexState next = lexer.Next(state, byte);
      if (next == kDeadState) continue;
      if (seen.insert(next).second) places.push_back({next, at, byte});
      if (--left == 0) break;
    }
  }
  return ends;
}

}  // namespace

const std::vector<ShortestLexemes::End>& ShortestLexemes::Shortest(LexState from) {
  const auto [place, is_new] = shortest_.try_emplace(from);
  if (!is_new) return place->second;
  // Without the bytes that seldom help a lexeme may go round in circles: a pattern asks for one of them.
  for (const BytesToTry which : {BytesToTry::kPlain, BytesToTry::kUnescaped, BytesToTry::kAll}) {
    if (place->second = FindEnds(lexer_, from, which, 1); !place->second.empty()) break;
  }
  return place->second;
}

const std::vector<ShortestLexemes::End>& ShortestLexemes::Words(LexState from) {
  const auto [place, is_new] = words_.try_emplace(from);
  if (is_new) place->second = FindEnds(lexer_, from, BytesToTry::kAll, kMostStates);
  return place->second;
}

}  // namespace strata::grammar
