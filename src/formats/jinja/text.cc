#include "formats/jinja/text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/unicode.h"

namespace strata::jinja {
namespace {

bool Strips(char32_t c, const std::u32string* chars) {
  return chars ? chars->find(c) != std::u32string::npos : IsPythonSpace(c);
}

// Start of the last code point of `text`.
std::size_t LastStart(std::string_view text) {
  std::size_t i = text.size() - 1;
  while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
  return i;
}

}  // namespace

bool IsPythonSpace(char32_t c) { return (c >= 0x1C && c <= 0x1F) || IsWhiteSpace(c); }

std::string FromCodePoints(std::u32string_view text) {
  std::string out;
  for (char32_t c : text) AppendUtf8(out, c);
  return out;
}

std::string_view StripLeft(std::string_view text, const std::string* chars) {
  std::u32string set;
  if (chars) set = ToCodePoints(*chars);
  while (!text.empty()) {
    const DecodedCodePoint decoded = DecodeUtf8(text);
    if (!Strips(decoded.code_point, chars ? &set : nullptr)) break;
    text.remove_prefix(decoded.length);
  }
  return text;
}

std::string_view StripRight(std::string_view text, const std::string* chars) {
  std::u32string set;
  if (chars) set = ToCodePoints(*chars);
  while (!text.empty()) {
    const std::size_t start = LastStart(text);
    if (!Strips(DecodeUtf8(text.substr(start)).code_point, chars ? &set : nullptr)) break;
    text = text.substr(0, start);
  }
  return text;
}

std::string_view Strip(std::string_view text, const std::string* chars) {
  return StripRight(StripLeft(text, chars), chars);
}

std::vector<std::string> Split(std::string_view text, const std::string* separator, std::int64_t limit) {
  std::vector<std::string> out;
  if (separator) {
    std::size_t at;
    while (limit-- != 0 && (at = text.find(*separator)) != std::string_view::npos) {
      out.emplace_back(text.substr(0, at));
      text.remove_prefix(at + separator->size());
    }
    out.emplace_back(text);
    return out;
  }
  for (text = StripLeft(text); !text.empty(); text = StripLeft(text)) {
    if (limit-- == 0) {
      out.emplace_back(StripRight(text));
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const DecodedCodePoint decoded = DecodeUtf8(text.substr(end));
      if (IsPythonSpace(decoded.code_point)) break;
      end += decoded.length;
    }
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::vector<std::string> SplitRight(std::string_view text, const std::string* separator, std::int64_t limit) {
  if (limit < 0) return Split(text, separator, limit);
  std::vector<std::string> out;
  if (separator) {
    std::size_t at;
    while (limit-- != 0 && (at = text.rfind(*separator)) != std::string_view::npos) {
      out.emplace_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
    }
    out.emplace_back(text);
  } else {
    for (text = StripRight(text); !text.empty(); text = StripRight(text)) {
      if (limit-- == 0) {
        out.emplace_back(StripLeft(text));
        break;
      }
      std::size_t start = text.size();
      while (start > 0) {
        const std::size_t previous = LastStart(text.substr(0, start));
        if (IsPythonSpace(DecodeUtf8(text.substr(previous)).code_point)) break;
        start = previous;
      }
      out.emplace_back(text.substr(start));
      text = text.substr(0, start);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> SplitLines(std::string_view text, bool keep_ends) {
  std::vector<std::string> out;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const DecodedCodePoint decoded = DecodeUtf8(text.substr(i));
    const char32_t c = decoded.code_point;
    const std::size_t end = i;
    i += decoded.length;
    const bool breaks = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!breaks) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    out.emplace_back(text.substr(start, (keep_ends ? i : end) - start));
    start = i;
  }
  if (start < text.size()) out.emplace_back(text.substr(start));
  return out;
}

std::string Replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t count) {
  std::string out;
  if (from.empty()) {
    while (count-- != 0) {
      out += to;
      if (text.empty()) return out;
      const std::size_t n = DecodeUtf8(text).length;
      out += text.substr(0, n);
      text.remove_prefix(n);
    }
    return out += text;
  }
  std::size_t at;
  while (count-- != 0 && (at = text.find(from)) != std::string_view::npos) {
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
  }
  return out += text;
}

void AppendQuoted(std::string& out, std::string_view text) {
  const bool doubles = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubles ? '"' : '\'';
  out += quote;
  while (!text.empty()) {
    const DecodedCodePoint decoded = DecodeUtf8(text);
    const char32_t c = decoded.code_point;
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == ' ' || (c > ' ' && c < 0x7F)) {
      out += static_cast<char>(c);
    } else if (IsControl(c) || IsWhiteSpace(c)) {
      out += c < 0x100     ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
             : c < 0x10000 ? fmt::format("\\u{:04x}", static_cast<unsigned>(c))
                           : fmt::format("\\U{:08x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, decoded.length);
    }
    text.remove_prefix(decoded.length);
  }
  out += quote;
}

std::string Centered(std::string_view text, std::int64_t width, std::string_view fill) {
  const std::int64_t missing = width - static_cast<std::int64_t>(CountCodePoints(text));
  if (missing <= 0) return std::string(text);
  const std::int64_t left = missing / 2 + (missing & width & 1);
  std::string out;
  for (std::int64_t i = 0; i < left; ++i) out += fill;
  out += text;
  for (std::int64_t i = left; i < missing; ++i) out += fill;
  return out;
}

}  // namespace strata::jinja
