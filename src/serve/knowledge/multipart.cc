#include "serve/knowledge/multipart.h"

#include <algorithm>
#include <optional>

#include <boost/beast/core/string.hpp>

#include "base/hex.h"

namespace strata::serve::knowledge {
namespace {

using boost::beast::iequals;

constexpr std::size_t kMaxParts = 1000;

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The parameter of a header's value: form-data; name="a"; filename*=UTF-8''b.
std::optional<std::string> Parameter(std::string_view value, std::string_view wanted) {
  std::size_t at = value.find(';');
  while (at < value.size()) {
    const std::size_t equals = value.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = Trimmed(value.substr(at + 1, equals - at - 1));
    std::string text;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size() && (value[at + 1] == '"' || value[at + 1] == '\\')) ++at;
        text += value[at];
      }
      at = value.find(';', at);
    } else {
      const std::size_t end = value.find(';', at);
      text = Trimmed(value.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    if (iequals(name, wanted)) return text;
  }
  return std::nullopt;
}

Status ReadHeader(std::string_view line, FormPart& part) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument, "the header of a part has a line without a colon");
  }
  if (!iequals(Trimmed(line.substr(0, colon)), "content-disposition")) return {};
  const std::string_view value = Trimmed(line.substr(colon + 1));
  if (!iequals(Trimmed(value.substr(0, value.find(';'))), "form-data")) {
    return Fail(ErrorCode::kInvalidArgument, "a part is no form-data");
  }
  part.name = Parameter(value, "name").value_or("");
  part.filename = Parameter(value, "filename").value_or("");
  // RFC 8187: charset'language'percent-encoded.
  if (const auto extended = Parameter(value, "filename*")) {
    const std::size_t last = extended->rfind('\'');
    if (last != std::string::npos) part.filename = PercentDecoded(std::string_view(*extended).substr(last + 1));
  }
  return {};
}

}  // namespace

Result<std::vector<FormPart>> ParseMultipart(std::string_view content_type, std::string_view body) {
  const auto boundary = Parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70) {
    return Fail(ErrorCode::kInvalidArgument, "Content-Type: multipart/form-data needs a boundary");
  }
  const std::string delimiter = "\r\n--" + *boundary;
  const auto broken = [](std::size_t at, std::string_view what) {
    return Fail(ErrorCode::kInvalidArgument, "the multipart body is broken at byte {}: {}", at, what);
  };
  std::vector<FormPart> parts;
  // The first delimiter needs no line before it.
  std::size_t at =
      body.starts_with(std::string_view(delimiter).substr(2)) ? delimiter.size() - 2 : body.find(delimiter);
  if (at == std::string_view::npos) return broken(0, "its boundary is not in it");
  if (!body.starts_with(std::string_view(delimiter).substr(2))) at += delimiter.size();
  while (!body.substr(at).starts_with("--")) {
    at = std::min(body.find_first_not_of(" \t", at), body.size());
    if (!body.substr(at).starts_with("\r\n")) return broken(at, "a boundary must end its line");
    if (parts.size() == kMaxParts) return broken(at, "it has more than 1000 parts");
    at += 2;
    FormPart part;
    while (!body.substr(at).starts_with("\r\n")) {
      const std::size_t end = body.find("\r\n", at);
      if (end == std::string_view::npos) return broken(at, "the header of a part has no end");
      STRATA_CHECK(ReadHeader(body.substr(at, end - at), part));
      at = end + 2;
    }
    // A part may be empty: its header's last line break is then the delimiter's.
    const std::size_t end = body.find(delimiter, at);
    if (end == std::string_view::npos) return broken(at, "a part has no end");
    if (part.name.empty()) return broken(at, "a part has no name");
    part.content = end == at ? std::string_view() : body.substr(at + 2, end - at - 2);
    parts.push_back(std::move(part));
    at = end + delimiter.size();
  }
  return parts;
}

}  // namespace strata::serve::knowledge
