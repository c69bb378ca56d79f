#include "knowledge/document/front_matter.h"

#include <string>

#include "knowledge/document/clean_text.h"

namespace strata::knowledge {
namespace {

// Front matter that nobody closes is text.
constexpr std::size_t kMaxLines = 200;

std::string_view Unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
    return value.substr(1, value.size() - 2);
  }
  return value;
}

}  // namespace

std::string_view TakeFrontMatter(std::string_view text, DocumentBuilder& builder) {
  if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) return text;
  std::size_t at = text.find('\n') + 1;
  std::vector<std::string_view> lines;
  while (at < text.size() && lines.size() < kMaxLines) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = TrimSpaces(text.substr(at, end - at));
    const bool nested = text[at] == ' ' || text[at] == '\t' || text[at] == '-';
    at = std::min(end + 1, text.size());
    if (line == "---" || line == "...") {
      for (const std::string_view field : lines) {
        const std::size_t colon = field.find(':');
        const std::string key = LowerAscii(field.substr(0, colon));
        const std::string_view value = Unquoted(TrimSpaces(field.substr(colon + 1)));
        if (key == "title") {
          builder.SetTitle(value);
        } else {
          builder.SetMetadata(key, value);
        }
      }
      return text.substr(at);
    }
    // Lists and maps are nobody's metadata; a line that is no YAML at all says that this is a ruler and text.
    if (nested || line.empty() || line.starts_with('#')) continue;
    if (line.find(':') == line.npos) return text;
    lines.push_back(line);
  }
  return text;
}

}  // namespace strata::knowledge
