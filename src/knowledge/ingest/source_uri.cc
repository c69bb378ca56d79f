#include "knowledge/ingest/source_uri.h"

#include <cctype>

#include <fmt/format.h>

#include "base/hex.h"

namespace strata::knowledge {
namespace {

constexpr std::string_view kFile = "file://";

/// Everything but letters, digits and what is harmless in a path.
std::string Encoded(std::string_view text) {
  constexpr std::string_view kHarmless = "-._~/!$&'()*+,;=:@";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || kHarmless.contains(c))) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

}  // namespace

std::string FileUri(std::string_view path) { return std::string(kFile) + Encoded(path); }

std::string UploadUri(std::string_view name) { return "upload:" + Encoded(name); }

std::string MemberUri(std::string_view source, std::string_view name) {
  return fmt::format("{}#{}", source, Encoded(name));
}

std::optional<std::string> PathOf(std::string_view uri) {
  if (!uri.starts_with(kFile)) return std::nullopt;
  return PercentDecoded(SourceOf(uri).substr(kFile.size()));
}

std::string_view SourceOf(std::string_view uri) { return uri.substr(0, uri.find('#')); }

}  // namespace strata::knowledge
