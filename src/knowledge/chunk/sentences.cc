#include "knowledge/chunk/sentences.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

using namespace std::string_view_literals;

// Full stops that no space follows: CJK's, and those of the scripts whose words are not parted.
constexpr std::u32string_view kWideStops = U"\u3002\uFF01\uFF1F\uFF61\uFE52";
// Unicode's Sentence_Terminal of the scripts in wide use (UAX #29, table 4), which a space follows.
constexpr std::u32string_view kStops =
    U".!?\u2026\u203C\u2047\u2048\u2049\u0589\u061F\u06D4\u0964\u0965\u1362\u1367\u104A\u104B\u17D4\u1803";
constexpr std::u32string_view kClosers = U"\"')]}\u00BB\u2019\u201D\u300B\u300D\u300F\u3011\u3015\uFF09\uFF02\u203A";
constexpr std::u32string_view kClauseEnds = U",;:\u2014\u3001\uFF0C\uFF1B\uFF1A\u060C\u061B";

// What is followed by a capital or a number without ending a sentence.
constexpr std::array kAbbreviations = {
    "e.g"sv, "i.e"sv, "etc"sv, "cf"sv,   "vs"sv,   "al"sv,     "dr"sv,  "mr"sv,   "mrs"sv, "ms"sv,  "prof"sv, "st"sv,
    "no"sv,  "nr"sv,  "fig"sv, "figs"sv, "eq"sv,   "sec"sv,    "ch"sv,  "vol"sv,  "pp"sv,  "p"sv,   "ed"sv,   "eds"sv,
    "inc"sv, "ltd"sv, "co"sv,  "corp"sv, "dept"sv, "approx"sv, "ca"sv,  "z.b"sv,  "d.h"sv, "u.a"sv, "bzw"sv,  "jan"sv,
    "feb"sv, "mar"sv, "apr"sv, "jun"sv,  "jul"sv,  "aug"sv,    "sep"sv, "sept"sv, "oct"sv, "nov"sv, "dec"sv,  "art"sv,
};

bool IsAbbreviation(std::string_view before) {
  const std::size_t begin = before.find_last_of(" \n\t(\"'[");
  std::string word(before.substr(begin == before.npos ? 0 : begin + 1));
  if (word.size() > 8) return false;
  std::ranges::transform(word, word.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool initial = word.size() == 1 && word[0] >= 'a' && word[0] <= 'z';
  return initial || std::ranges::find(kAbbreviations, word) != kAbbreviations.end();
}

class Reader {
 public:
  Reader(std::string_view text, Span span) : text_(text.substr(0, span.end)), at_(span.begin) {}
  bool done() const { return at_ >= text_.size(); }
  std::size_t at() const { return at_; }
  char32_t Peek() const { return done() ? 0 : DecodeUtf8(text_.substr(at_)).code_point; }
  char32_t Next() {
    const DecodedCodePoint c = DecodeUtf8(text_.substr(at_));
    at_ += c.length;
    return c.code_point;
  }

 private:
  std::string_view text_;
  std::size_t at_;
};

void AddTrimmed(std::string_view text, Span span, std::vector<Span>& spans) {
  const Span trimmed = TrimSpan(text, span);
  if (trimmed.size() > 0) spans.push_back(trimmed);
}

/// Whether a sentence can begin with what the reader stands at, behind white space.
bool BeginsSentence(Reader reader) {
  while (!reader.done()) {
    const char32_t c = reader.Next();
    if (IsWhiteSpace(c) || (!IsLetter(c) && !IsNumber(c))) continue;
    return !IsLetter(c) || ToLower(c) != c || ToUpper(c) == c;
  }
  return true;
}

}  // namespace

Span TrimSpan(std::string_view text, Span span) {
  const auto space = [&](std::size_t at) { return text[at] == ' ' || text[at] == '\n' || text[at] == '\t'; };
  while (span.end > span.begin && space(span.end - 1)) --span.end;
  while (span.begin < span.end && space(span.begin)) ++span.begin;
  return span;
}

std::vector<Span> SplitSentences(std::string_view text, Span span) {
  std::vector<Span> sentences;
  std::size_t begin = span.begin;
  Reader reader(text, span);
  while (!reader.done()) {
    const std::size_t stop_at = reader.at();
    const char32_t c = reader.Next();
    const bool wide = kWideStops.contains(c);
    if (c == '\n' && reader.Peek() == '\n') {
      AddTrimmed(text, {begin, stop_at}, sentences);
      begin = stop_at;
      continue;
    }
    if (!wide && !kStops.contains(c)) continue;
    while (!reader.done() && (kWideStops.contains(reader.Peek()) || kStops.contains(reader.Peek()))) reader.Next();
    while (!reader.done() && kClosers.contains(reader.Peek())) reader.Next();
    if (!wide) {
      if (!reader.done() && !IsWhiteSpace(reader.Peek())) continue;
      if (c == '.' && IsAbbreviation(text.substr(begin, stop_at - begin))) continue;
      if (!BeginsSentence(reader)) continue;
    }
    AddTrimmed(text, {begin, reader.at()}, sentences);
    begin = reader.at();
  }
  AddTrimmed(text, {begin, span.end}, sentences);
  return sentences;
}

std::vector<Span> SplitAt(std::string_view text, Span span, CutLevel level) {
  std::vector<Span> parts;
  std::size_t begin = span.begin;
  Reader reader(text, span);
  while (!reader.done()) {
    const char32_t c = reader.Next();
    const bool cut = level == CutLevel::kLine     ? c == '\n'
                     : level == CutLevel::kClause ? kClauseEnds.contains(c)
                                                  : IsWhiteSpace(c);
    if (!cut) continue;
    AddTrimmed(text, {begin, reader.at()}, parts);
    begin = reader.at();
  }
  AddTrimmed(text, {begin, span.end}, parts);
  return parts;
}

}  // namespace strata::knowledge
