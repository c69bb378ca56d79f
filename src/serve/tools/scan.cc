#include "serve/tools/scan.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/unicode.h"

namespace strata::serve::tools {
namespace {

/// Four digits after \u; U+FFFD where they are none.
Parse<char32_t> ReadCodeUnit(Input& input) {
  char32_t unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(co_await input.Peek());
    if (digit < 0) co_return kReplacementCharacter;
    input.Take();
    unit = unit * 16 + static_cast<char32_t>(digit);
  }
  co_return unit;
}

bool IsHighSurrogate(char32_t c) { return c >= 0xD800 && c < 0xDC00; }
bool IsLowSurrogate(char32_t c) { return c >= 0xDC00 && c < 0xE000; }

char Unescaped(int c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return static_cast<char>(c);
  }
}

void Put(const Sink& sink, int c) {
  const char byte = static_cast<char>(c);
  sink({&byte, 1});
}

void PutCodePoint(const Sink& sink, char32_t c) {
  std::string text;
  AppendUtf8(text, IsHighSurrogate(c) || IsLowSurrogate(c) ? kReplacementCharacter : c);
  sink(text);
}

}  // namespace

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return std::string(text.substr(0, text.find_last_not_of(kSpace) + 1));
}

std::optional<std::size_t> MarkerScanner::Push(char c, std::string& out) {
  held_ += c;
  while (!held_.empty()) {
    for (std::size_t i = 0; i < markers_.size(); ++i) {
      if (!markers_[i].starts_with(held_)) continue;
      if (markers_[i].size() > held_.size()) return std::nullopt;
      held_.clear();
      return i;
    }
    out += held_.front();
    held_.erase(0, 1);
  }
  return std::nullopt;
}

Parse<std::optional<std::size_t>> ReadUntil(Input& input, MarkerScanner& scanner, Sink sink) {
  for (;;) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) {
      sink(scanner.TakeHeld());
      co_return std::nullopt;
    }
    input.Take();
    std::string free;
    const auto found = scanner.Push(static_cast<char>(c), free);
    if (!free.empty()) sink(free);
    if (found) co_return found;
  }
}

Parse<std::optional<Segment>> ReadSegment(Input& input, std::vector<std::string> ends, std::size_t limit) {
  MarkerScanner scanner(std::move(ends));
  Segment segment;
  while (segment.text.size() <= limit) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) break;
    input.Take();
    if (const auto end = scanner.Push(static_cast<char>(c), segment.text)) {
      segment.end = *end;
      co_return segment;
    }
  }
  co_return std::nullopt;
}

Parse<int> SkipSpace(Input& input) {
  int c = co_await input.Peek();
  while (IsSpace(c)) {
    input.Take();
    c = co_await input.Peek();
  }
  co_return c;
}

Parse<bool> TakeLiteral(Input& input, std::string_view literal) {
  for (const char expected : literal) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) co_return true;
    if (static_cast<char>(c) != expected) co_return false;
    input.Take();
  }
  co_return true;
}

Parse<std::optional<std::size_t>> TakeOneOf(Input& input, std::vector<std::string> literals) {
  std::string taken;
  for (;;) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) co_return std::nullopt;
    taken += static_cast<char>(c);
    const auto fits = [&](const std::string& literal) { return literal.starts_with(taken); };
    const auto found = std::ranges::find_if(literals, fits);
    if (found == literals.end()) co_return std::nullopt;
    input.Take();
    if (const auto whole = std::ranges::find(literals, taken); whole != literals.end()) {
      co_return static_cast<std::size_t>(whole - literals.begin());
    }
  }
}

Parse<bool> ReadJsonString(Input& input, Sink sink) {
  input.Take();
  char32_t high = 0;  // the first half of a surrogate pair
  for (;;) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) co_return false;
    input.Take();
    if (c != '\\') {
      if (high != 0) PutCodePoint(sink, std::exchange(high, 0));
      if (c == '"') co_return true;
      Put(sink, c);
      continue;
    }
    const int escaped = co_await input.Peek();
    if (escaped == Input::kEnd) co_return false;
    input.Take();
    char32_t code = 0;
    if (escaped == 'u') code = co_await ReadCodeUnit(input);
    if (high != 0) {
      const char32_t first = std::exchange(high, 0);
      if (IsLowSurrogate(code)) {
        PutCodePoint(sink, 0x10000 + ((first - 0xD800) << 10) + (code - 0xDC00));
        continue;
      }
      PutCodePoint(sink, first);
    }
    if (escaped != 'u') {
      Put(sink, static_cast<unsigned char>(Unescaped(escaped)));
    } else if (IsHighSurrogate(code)) {
      high = code;
    } else {
      PutCodePoint(sink, code);
    }
  }
}

Parse<bool> CopyJson(Input& input, Sink sink) {
  int depth = 0;
  bool in_string = false, escaped = false, begun = false;
  for (;;) {
    const int c = co_await input.Peek();
    if (c == Input::kEnd) co_return begun&& depth == 0 && !in_string;
    if (begun && depth == 0 && !in_string && (IsSpace(c) || c == ',' || c == '}' || c == ']' || c == ':'))
      co_return true;
    begun = true;
    input.Take();
    Put(sink, c);
    if (in_string) {
      in_string = escaped || c != '"';
      escaped = !escaped && c == '\\';
      if (in_string || depth > 0) continue;
      co_return true;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth <= 0) co_return true;
  }
}

}  // namespace strata::serve::tools
