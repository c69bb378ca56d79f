#include "knowledge/answer/links.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace strata::knowledge {
namespace {

constexpr std::string_view kLeftOut = "(link left out)";

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, Lower);
}

/// ![text](url) or [text](url), of one line.
struct MarkdownLink {
  bool image = false;
  std::string_view text, url;
  std::size_t bytes = 0;
};

std::optional<MarkdownLink> ReadMarkdownLink(std::string_view text) {
  MarkdownLink link;
  link.image = text.starts_with("![");
  const std::size_t open = link.image ? 2 : 1;
  if (!link.image && !text.starts_with('[')) return std::nullopt;
  const std::size_t close = text.find(']', open);
  if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != '(') return std::nullopt;
  // A link that was cut off is one, too: it ends with the statement.
  const std::size_t end = std::min(text.find(')', close + 2), text.size());
  link.text = text.substr(open, close - open);
  link.url = text.substr(close + 2, end - close - 2);
  link.url = link.url.substr(0, link.url.find_first_of(" \t\n"));
  if (link.url.starts_with('<')) link.url = link.url.substr(1, link.url.find('>') - 1);
  link.bytes = std::min(end + 1, text.size());
  return link;
}

/// scheme://..., or a scheme that carries data or code; bytes, 0 for none.
std::size_t UrlBytes(std::string_view text) {
  std::size_t scheme = 0;
  while (scheme < text.size() &&
         (IsAlpha(text[scheme]) || (scheme > 0 && std::string_view("+-.").contains(text[scheme]))))
    ++scheme;
  if (scheme == 0) return 0;
  const std::string_view rest = text.substr(scheme);
  const bool opaque = StartsWith(text, "data:") || StartsWith(text, "javascript:") || StartsWith(text, "mailto:");
  if (!rest.starts_with("://") && !opaque && !StartsWith(text, "www.")) return 0;
  std::size_t end = std::min(text.find_first_of(" \t\r\n<>\"'`|\\^{}"), text.size());
  while (end > 0 && std::string_view(".,;:!?)]*_").contains(text[end - 1])) --end;
  return end > scheme ? end : 0;
}

/// An element that loads or links.
std::size_t ElementBytes(std::string_view text) {
  constexpr std::array<std::string_view, 15> kNames = {"img",    "a",     "script", "iframe", "link",
                                                       "object", "embed", "svg",    "video",  "audio",
                                                       "source", "form",  "style",  "meta",   "base"};
  std::string_view name = text.substr(1);
  if (name.starts_with('/')) name.remove_prefix(1);
  name = name.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(name, IsAlpha) - name.begin()));
  const auto is = [&](std::string_view known) { return known.size() == name.size() && StartsWith(name, known); };
  if (std::ranges::none_of(kNames, is)) return 0;
  return std::min(text.find('>'), text.size() - 1) + 1;
}

}  // namespace

std::string WithoutForeignLinks(std::string_view text, const std::function<bool(std::string_view)>& known,
                                int& dropped) {
  std::string clean;
  while (!text.empty()) {
    if (const auto link = ReadMarkdownLink(text)) {
      const bool keep = !link->image && known(link->url);
      clean += WithoutForeignLinks(link->text, known, dropped);
      if (keep) clean += fmt::format(" ({})", link->url);
      if (!keep) ++dropped;
      text.remove_prefix(link->bytes);
      continue;
    }
    if (const std::size_t bytes = text.front() == '<' ? ElementBytes(text) : 0; bytes > 0) {
      ++dropped;
      text.remove_prefix(bytes);
      continue;
    }
    const bool word_begins = clean.empty() || !IsAlpha(clean.back());
    if (const std::size_t bytes = word_begins ? UrlBytes(text) : 0; bytes > 0) {
      const bool keep = known(text.substr(0, bytes));
      clean += keep ? text.substr(0, bytes) : kLeftOut;
      if (!keep) ++dropped;
      text.remove_prefix(bytes);
      continue;
    }
    clean += text.front();
    text.remove_prefix(1);
  }
  return clean;
}

}  // namespace strata::knowledge
