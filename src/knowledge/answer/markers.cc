#include "knowledge/answer/markers.h"

#include <algorithm>
#include <array>

namespace strata::knowledge {
namespace {

struct Brackets {
  std::string_view open, close;
};
constexpr std::array<Brackets, 2> kBrackets = {{{"[", "]"}, {"【", "】"}}};
constexpr std::size_t kDigits = 4;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Reads a marker as far as the text goes.
struct Reading {
  bool is_marker = false;
  bool ended = false;  ///< the text, before anything was wrong
  Marker marker;
};

Reading Read(std::string_view text, const Brackets& brackets) {
  Reading reading;
  if (text.size() < brackets.open.size()) {
    reading.ended = brackets.open.starts_with(text);
    return reading;
  }
  if (!text.starts_with(brackets.open)) return reading;
  std::string_view rest = text.substr(brackets.open.size());
  const auto skip_spaces = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size())); };
  for (;;) {
    skip_spaces();
    int number = 0;
    std::size_t digits = 0;
    for (; digits < rest.size() && IsDigit(rest[digits]) && digits <= kDigits; ++digits) {
      number = number * 10 + (rest[digits] - '0');
    }
    if (digits > kDigits) return reading;
    rest.remove_prefix(digits);
    reading.ended = rest.empty();
    if (digits == 0 || rest.empty()) return reading;
    reading.marker.numbers.push_back(number);
    skip_spaces();
    if (rest.starts_with(brackets.close)) {
      reading.is_marker = true;
      reading.marker.bytes = text.size() - rest.size() + brackets.close.size();
      return reading;
    }
    reading.ended = brackets.close.starts_with(rest);  // of none, or of a part of the bracket
    if (rest.empty() || rest.front() != ',') return reading;
    rest.remove_prefix(1);
  }
}

}  // namespace

std::optional<Marker> ReadMarker(std::string_view text) {
  for (const Brackets& brackets : kBrackets) {
    if (Reading reading = Read(text, brackets); reading.is_marker) return std::move(reading.marker);
  }
  return std::nullopt;
}

bool MayBecomeMarker(std::string_view text) {
  return std::ranges::any_of(kBrackets, [&](const Brackets& brackets) {
    const Reading reading = Read(text, brackets);
    return !reading.is_marker && reading.ended;
  });
}

std::string WithoutMarkerText(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::optional<Marker> marker = ReadMarker(text);
    if (!marker) plain += text.front();
    text.remove_prefix(marker ? marker->bytes : 1);
  }
  return plain;
}

std::string WithoutMarkers(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::optional<Marker> marker = ReadMarker(text);
    if (!marker) {
      plain += text.front();
      text.remove_prefix(1);
      continue;
    }
    std::string_view inner = text.substr(0, marker->bytes);
    for (const Brackets& brackets : kBrackets) {
      if (inner.starts_with(brackets.open))
        inner = inner.substr(brackets.open.size(), inner.size() - brackets.open.size() - brackets.close.size());
    }
    plain += '(';
    plain += inner;
    plain += ')';
    text.remove_prefix(marker->bytes);
  }
  return plain;
}

}  // namespace strata::knowledge
