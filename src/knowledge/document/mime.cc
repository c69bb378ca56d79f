#include "knowledge/document/mime.h"

#include <algorithm>
#include <array>

#include "base/unicode.h"
#include "knowledge/document/clean_text.h"
#include "knowledge/document/encoding.h"

namespace strata::knowledge {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// `underscore`: "_" is a space, as in headers.
std::string DecodeQuotedPrintable(std::string_view text, bool underscore) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += underscore && text[i] == '_' ? ' ' : text[i];
    } else if (i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else if (const std::size_t end = text.find_first_not_of(" \t\r", i + 1); end != text.npos && text[end] == '\n') {
      i = end;  // a soft line break
    } else {
      out += '=';
    }
  }
  return out;
}

std::string ToUtf8(std::string_view charset, std::string_view bytes) {
  std::string out;
  if (EqualsIgnoringCase(charset, "utf-8") || !ConvertFrom(charset, bytes, out)) return ReplaceInvalidUtf8(bytes);
  return out;
}

/// The value of a parameter ("charset", "filename"), also in RFC 2231's forms.
std::string Parameter(std::string_view header, std::string_view name) {
  const std::string lower = LowerAscii(header);
  std::string joined;
  for (std::size_t at = lower.find(';'); at != lower.npos;) {
    std::size_t begin = lower.find_first_not_of("; \t", at);
    if (begin == lower.npos) break;
    const std::size_t equals = lower.find_first_of("=;", begin);
    if (equals == lower.npos || lower[equals] == ';') {
      at = equals;
      continue;
    }
    const std::string_view key = TrimSpaces(std::string_view(lower).substr(begin, equals - begin));
    begin = equals + 1;
    std::string value;
    if (begin < header.size() && header[begin] == '"') {
      std::size_t i = begin + 1;
      for (; i < header.size() && header[i] != '"'; ++i) {
        if (header[i] == '\\' && i + 1 < header.size()) ++i;
        value += header[i];
      }
      at = lower.find(';', i);
    } else {
      at = lower.find(';', begin);
      value = TrimSpaces(header.substr(begin, at == lower.npos ? lower.npos : at - begin));
    }
    if (key == name) return value;
    // name*=utf-8''..., name*0*=utf-8''..., name*1=...
    if (!key.starts_with(name) || key.size() <= name.size() || key[name.size()] != '*') continue;
    if (!key.ends_with('*')) {
      joined += value;
      continue;
    }
    const std::size_t quote = value.find('\'');
    const std::size_t second = quote == value.npos ? value.npos : value.find('\'', quote + 1);
    std::string bytes;
    const std::string_view encoded =
        second == value.npos ? std::string_view(value) : std::string_view(value).substr(second + 1);
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      if (encoded[i] == '%' && i + 2 < encoded.size() && HexDigit(encoded[i + 1]) >= 0 &&
          HexDigit(encoded[i + 2]) >= 0) {
        bytes += static_cast<char>(HexDigit(encoded[i + 1]) * 16 + HexDigit(encoded[i + 2]));
        i += 2;
      } else {
        bytes += encoded[i];
      }
    }
    joined += ToUtf8(second == value.npos ? "utf-8" : value.substr(0, quote), bytes);
  }
  return joined;
}

/// "=?charset?B?...?=" words; white space between two of them goes.
std::string DecodeWords(std::string_view text) {
  std::string out;
  bool after_word = false;
  while (!text.empty()) {
    const std::size_t begin = text.find("=?");
    const std::size_t charset_end = begin == text.npos ? text.npos : text.find('?', begin + 2);
    const std::size_t end = charset_end == text.npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?'
                                ? text.npos
                                : text.find("?=", charset_end + 3);
    const std::string_view before = text.substr(0, end == text.npos ? text.npos : begin);
    if (!after_word || end == text.npos || !TrimSpaces(before).empty()) out += ReplaceInvalidUtf8(before);
    if (end == text.npos) break;
    std::string_view charset = text.substr(begin + 2, charset_end - begin - 2);
    charset = charset.substr(0, charset.find('*'));
    const std::string_view coded = text.substr(charset_end + 3, end - charset_end - 3);
    const bool base64 = text[charset_end + 1] == 'B' || text[charset_end + 1] == 'b';
    out += ToUtf8(charset, base64 ? DecodeBase64(coded) : DecodeQuotedPrintable(coded, true));
    text.remove_prefix(end + 2);
    after_word = true;
  }
  return out;
}

}  // namespace

std::string DecodeBase64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int have = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) continue;
    bits = bits << 6 | static_cast<unsigned>(value);
    if (++have == 4) {
      for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift & 0xFF);
      have = 0;
      bits = 0;
    }
  }
  if (have >= 2) out += static_cast<char>(bits << (24 - 6 * have) >> 16 & 0xFF);
  if (have == 3) out += static_cast<char>(bits << 6 >> 8 & 0xFF);
  return out;
}

std::string MimePart::Header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string() : DecodeWords(found->second);
}

std::string MimePart::Content() const {
  const std::string encoding = LowerAscii(TrimSpaces(Header("content-transfer-encoding")));
  if (encoding == "base64") return DecodeBase64(body);
  if (encoding == "quoted-printable") return DecodeQuotedPrintable(body, false);
  return std::string(body);
}

MimePart ReadMimePart(std::string_view mail) {
  MimePart part;
  while (!mail.empty()) {
    const std::size_t end = mail.find('\n');
    std::string_view line = mail.substr(0, end);
    mail.remove_prefix(end == mail.npos ? mail.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if ((line[0] == ' ' || line[0] == '\t') && !part.headers.empty()) {
      (part.headers.back().second += ' ') += TrimSpaces(line);
    } else if (const std::size_t colon = line.find(':'); colon != line.npos) {
      part.headers.emplace_back(LowerAscii(TrimSpaces(line.substr(0, colon))), TrimSpaces(line.substr(colon + 1)));
    }
  }
  part.body = mail;
  const std::string type = part.Header("content-type");
  if (const std::string name = LowerAscii(TrimSpaces(std::string_view(type).substr(0, type.find(';'))));
      name.contains('/'))
    part.type = name;
  part.charset = Parameter(type, "charset");
  part.boundary = Parameter(type, "boundary");
  const std::string disposition = part.Header("content-disposition");
  part.attachment = LowerAscii(disposition).starts_with("attachment");
  part.filename = DecodeWords(Parameter(disposition, "filename"));
  if (part.filename.empty()) part.filename = DecodeWords(Parameter(type, "name"));
  return part;
}

std::vector<MimePart> SplitParts(const MimePart& multipart, std::size_t limit) {
  std::vector<MimePart> parts;
  if (multipart.boundary.empty()) return parts;
  const std::string delimiter = "--" + multipart.boundary;
  std::string_view rest = multipart.body;
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = rest.find(delimiter); at != rest.npos && parts.size() < limit;
       at = rest.find(delimiter, at + delimiter.size())) {
    if (at != 0 && rest[at - 1] != '\n') continue;
    if (begin != rest.npos) parts.push_back(ReadMimePart(rest.substr(begin, at - begin)));
    const std::size_t behind = at + delimiter.size();
    if (rest.substr(behind).starts_with("--")) return parts;
    const std::size_t line_end = rest.find('\n', behind);
    if (line_end == rest.npos) return parts;
    begin = line_end + 1;
  }
  // A mail that was cut off.
  if (begin != rest.npos && parts.size() < limit) parts.push_back(ReadMimePart(rest.substr(begin)));
  return parts;
}

}  // namespace strata::knowledge
