// What the parsers of all wire formats are made of: white space, literals, markers, JSON.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/tools/push_input.h"

namespace strata::serve::tools {

/// Takes pieces of text.
using Sink = std::function<void(std::string_view)>;

inline bool IsSpace(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string Trimmed(std::string_view text);

/// Finds the first of some markers in a text that comes byte by byte. None may be the beginning of another.
class MarkerScanner {
 public:
  explicit MarkerScanner(std::vector<std::string> markers) : markers_(std::move(markers)) {}

  /// Appends to `out` what can no longer be the beginning of a marker. The marker's index when it is complete.
  std::optional<std::size_t> Push(char c, std::string& out);
  /// What was held back.
  std::string TakeHeld() { return std::exchange(held_, {}); }

  const std::string& marker(std::size_t index) const { return markers_[index]; }

 private:
  std::vector<std::string> markers_;
  std::string held_;
};

/// Gives `sink` the text before the first marker, and takes the marker. Its index; nothing when the text ends first.
Parse<std::optional<std::size_t>> ReadUntil(Input& input, MarkerScanner& scanner, Sink sink);

struct Segment {
  std::string text;
  std::size_t end = 0;  ///< which of the ends came
};
/// The text before the first of `ends`, which is taken; nothing when there is none within `limit` bytes.
Parse<std::optional<Segment>> ReadSegment(Input& input, std::vector<std::string> ends, std::size_t limit);

/// Takes white space; the byte after it.
Parse<int> SkipSpace(Input& input);

/// Takes the longest beginning of `literal` that stands here. Whether that was all of it, or the text ended in it.
Parse<bool> TakeLiteral(Input& input, std::string_view literal);

/// Takes what of `literals` stands here: its index. Otherwise nothing, and a beginning of one may have been taken.
Parse<std::optional<std::size_t>> TakeOneOf(Input& input, std::vector<std::string> literals);

/// Takes the JSON string that begins here and gives `sink` its text, escapes resolved. Whether it was complete.
Parse<bool> ReadJsonString(Input& input, Sink sink);

/// Takes the JSON value that begins here and gives `sink` its text as it is written: brackets are balanced outside of
/// strings, nothing else is checked. Whether it was complete.
Parse<bool> CopyJson(Input& input, Sink sink);

}  // namespace strata::serve::tools
