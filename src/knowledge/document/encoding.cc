#include "knowledge/document/encoding.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

#include "base/unicode.h"
#include "knowledge/document/clean_text.h"

namespace strata::knowledge {
namespace {

struct ByteOrderMark {
  std::string_view bytes, charset;
};
using namespace std::string_view_literals;
// UTF-32LE before UTF-16LE, whose mark it begins with.
constexpr std::array kMarks = {
    ByteOrderMark{"\xEF\xBB\xBF"sv, "UTF-8"},    ByteOrderMark{"\xFF\xFE\0\0"sv, "UTF-32LE"},
    ByteOrderMark{"\0\0\xFE\xFF"sv, "UTF-32BE"}, ByteOrderMark{"\xFF\xFE"sv, "UTF-16LE"},
    ByteOrderMark{"\xFE\xFF"sv, "UTF-16BE"},     ByteOrderMark{"\x84\x31\x95\x33"sv, "GB18030"},
};

// How much the detector reads: more does not change its mind.
constexpr std::size_t kDetectBytes = 256 << 10;
// Where the zeros of ASCII text in UTF-16 and UTF-32 stand, of this many bytes.
constexpr std::size_t kZeroBytes = 4096;

struct ConverterCloser {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
struct DetectorCloser {
  void operator()(UCharsetDetector* detector) const { ucsdet_close(detector); }
};

/// The wide encoding that text without a mark is in, by where its zero bytes are.
std::optional<std::string_view> WideCharset(std::string_view bytes) {
  bytes = bytes.substr(0, std::min(bytes.size(), kZeroBytes) & ~std::size_t{3});
  if (bytes.empty()) return std::nullopt;
  std::array<std::size_t, 4> zeros{};
  for (std::size_t i = 0; i < bytes.size(); ++i) zeros[i % 4] += bytes[i] == 0 ? 1 : 0;
  const std::size_t quads = bytes.size() / 4;
  const auto mostly = [&](std::size_t place) { return zeros[place] * 10 >= quads * 7; };
  const auto hardly = [&](std::size_t place) { return zeros[place] * 10 <= quads; };
  if (hardly(0) && mostly(2) && mostly(3)) return "UTF-32LE";
  if (hardly(3) && mostly(0) && mostly(1)) return "UTF-32BE";
  if (hardly(0) && hardly(2) && mostly(1) && mostly(3)) return "UTF-16LE";
  if (hardly(1) && hardly(3) && mostly(0) && mostly(2)) return "UTF-16BE";
  return std::nullopt;
}

/// Names as pages and mails write them, where what they mean is another thing (WHATWG Encoding, section 4.2).
std::string_view Meant(std::string_view charset) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kAliases = {{
      {"iso-8859-1", "windows-1252"},
      {"latin1", "windows-1252"},
      {"us-ascii", "windows-1252"},
      {"ascii", "windows-1252"},
      {"gb2312", "GB18030"},
      {"gbk", "GB18030"},
      {"x-gbk", "GB18030"},
      {"big5-hkscs", "Big5-HKSCS"},
      {"ks_c_5601-1987", "windows-949"},
      {"iso-8859-9", "windows-1254"},
  }};
  const auto found =
      std::ranges::find_if(kAliases, [&](const auto& alias) { return EqualsIgnoringCase(alias.first, charset); });
  return found == kAliases.end() ? charset : found->second;
}

std::size_t CountReplaced(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find("\xEF\xBF\xBD"); at != text.npos; at = text.find("\xEF\xBF\xBD", at + 3)) ++count;
  return count;
}

/// Best of what ICU proposes and what decodes without a hole.
std::string DetectCharset(std::string_view bytes) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UCharsetDetector, DetectorCloser> detector(ucsdet_open(&error));
  const std::string_view sample = bytes.substr(0, kDetectBytes);
  ucsdet_setText(detector.get(), sample.data(), static_cast<std::int32_t>(sample.size()), &error);
  std::int32_t count = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &count, &error);
  if (U_FAILURE(error) != 0) return "windows-1252";
  for (std::int32_t i = 0; i < count; ++i) {
    const std::string_view name = ucsdet_getName(matches[i], &error);
    // EBCDIC, and what would have had a mark or zero bytes.
    if (name.starts_with("IBM4") || name.starts_with("UTF-")) continue;
    const std::string_view charset = Meant(name);
    std::string converted;
    if (!ConvertFrom(charset, sample, converted)) continue;
    // A sample may be cut inside a character.
    if (CountReplaced(converted) <= (sample.size() < bytes.size() ? 1U : 0U)) return std::string(charset);
  }
  return "windows-1252";
}

bool LooksBinary(std::string_view text) {
  const std::string_view sample = text.substr(0, kDetectBytes);
  const auto control = std::ranges::count_if(sample, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f' && byte != 0x1B;
  });
  return static_cast<std::size_t>(control) * 20 > sample.size();
}

}  // namespace

bool ConvertFrom(std::string_view charset, std::string_view bytes, std::string& out) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, ConverterCloser> converter(ucnv_open(std::string(charset).c_str(), &error));
  if (U_FAILURE(error) != 0) return false;
  // In pieces: the length of the whole may pass ICU's 32 bits.
  out.clear();
  std::array<UChar, 4096> utf16;
  const char* source = bytes.data();
  const char* const end = source + bytes.size();
  char16_t high = 0;
  do {
    UChar* target = utf16.data();
    error = U_ZERO_ERROR;
    ucnv_toUnicode(converter.get(), &target, utf16.data() + utf16.size(), &source, end, nullptr, 1, &error);
    for (const UChar* unit = utf16.data(); unit != target; ++unit) {
      const char16_t c = *unit;
      if (c >= 0xD800 && c < 0xDC00) {
        high = c;
      } else if (c >= 0xDC00 && c < 0xE000) {
        AppendUtf8(out, high == 0 ? kReplacementCharacter
                                  : static_cast<char32_t>(0x10000 + ((high - 0xD800) << 10) + (c - 0xDC00)));
        high = 0;
      } else {
        AppendUtf8(out, c);
      }
    }
  } while (error == U_BUFFER_OVERFLOW_ERROR);
  return true;
}

Result<DecodedText> DecodeText(std::string_view bytes, std::string_view declared) {
  DecodedText decoded;
  const auto mark = std::ranges::find_if(kMarks, [&](const auto& entry) { return bytes.starts_with(entry.bytes); });
  if (mark != kMarks.end()) {
    bytes.remove_prefix(mark->bytes.size());
    decoded.charset = mark->charset;
  } else if (IsValidUtf8(bytes) && (bytes.find('\0') == bytes.npos || !WideCharset(bytes))) {
    // 7-bit ISO-2022 and HZ look like ASCII: there the declaration decides.
    const bool stateful = declared.size() > 3 && (EqualsIgnoringCase(declared.substr(0, 8), "iso-2022") ||
                                                  EqualsIgnoringCase(declared, "hz-gb-2312"));
    const bool escapes = bytes.find("\x1B$") != bytes.npos || bytes.find("\x1B(") != bytes.npos;
    decoded.charset = stateful ? std::string(declared) : escapes ? DetectCharset(bytes) : "UTF-8";
  } else if (const auto wide = WideCharset(bytes)) {
    decoded.charset = *wide;
  } else if (std::string text; !declared.empty() && !EqualsIgnoringCase(declared, "utf-8") &&
                               ConvertFrom(Meant(declared), bytes, text) && CountReplaced(text) * 200 <= text.size()) {
    decoded.charset = Meant(declared);
  } else {
    decoded.charset = DetectCharset(bytes);
  }
  if (decoded.charset == "UTF-8") {
    decoded.text = ReplaceInvalidUtf8(bytes);
  } else if (!ConvertFrom(decoded.charset, bytes, decoded.text)) {
    return Fail(ErrorCode::kInternal, "ICU has no converter for {}", decoded.charset);
  }
  if (LooksBinary(decoded.text)) return Fail(ErrorCode::kUnsupported, "binary data, not text");
  return decoded;
}

}  // namespace strata::knowledge
