#include "knowledge/document/builder.h"

#include <algorithm>

namespace strata::knowledge {
namespace {

// A word of a hundred letters that was split by zero-width spaces at line breaks is ordinary; this many are not.
constexpr std::size_t kManyZeroWidth = 16;
constexpr std::size_t kMaxWarnings = 50;
constexpr std::size_t kMaxTitle = 500;
constexpr std::size_t kMaxMetadata = 4000;

std::string Shorten(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

std::string JoinCells(const std::vector<std::string>& cells, const std::vector<bool>& used) {
  std::string line;
  std::size_t pending = 0;
  bool first = true;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    if (!first) ++pending;
    first = false;
    if (i >= cells.size() || cells[i].empty()) continue;
    for (; pending > 0; --pending) line += line.empty() || line.ends_with(' ') ? "| " : " | ";
    line += cells[i];
  }
  return line;
}

}  // namespace

DocumentBuilder::DocumentBuilder(ParseBudget& budget, std::string media_type) : budget_(budget) {
  document_.media_type = std::move(media_type);
}

bool DocumentBuilder::Append(std::string_view text) {
  if (full()) return false;
  const std::size_t separator = document_.text.empty() ? 0 : 2;
  status_ = budget_.TakeText(text.size() + separator);
  if (full()) return false;
  document_.text.append("\n\n", separator);
  document_.text += text;
  return true;
}

void DocumentBuilder::Add(BlockKind kind, std::string_view text, const Details& details) {
  if (full()) return;
  std::string clean = CleanText(text, suspicious_);
  if (kind == BlockKind::kCode) {
    clean = TrimLines(clean);
  } else {
    clean = kind == BlockKind::kHeading ? CollapseToLine(clean) : CollapseSpaces(clean);
  }
  if (clean.empty() || !Append(clean)) return;
  const std::size_t end = document_.text.size();
  const int level = kind == BlockKind::kHeading ? std::clamp(details.level, 1, 6) : details.level;
  document_.blocks.push_back({.kind = kind,
                              .level = level,
                              .span = {end - clean.size(), end},
                              .place = details.place,
                              .language = details.language,
                              .hidden = details.hidden});
}

void DocumentBuilder::AddTable(const TableRows& rows, bool header_row, const Details& details) {
  TableRows clean;
  std::vector<bool> used;
  for (const std::vector<std::string>& row : rows) {
    std::vector<std::string>& cells = clean.emplace_back();
    for (const std::string& cell : row) {
      cells.push_back(CollapseToLine(CleanText(cell, suspicious_)));
      if (used.size() < cells.size()) used.push_back(false);
      if (!cells.back().empty()) used[cells.size() - 1] = true;
    }
  }
  std::string text;
  std::vector<Span> spans;
  bool has_header = false;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const std::string line = JoinCells(clean[i], used);
    if (line.empty()) continue;
    if (!text.empty()) text += '\n';
    spans.push_back({text.size(), text.size() + line.size()});
    text += line;
    if (i == 0) has_header = header_row;
  }
  if (text.empty() || !Append(text)) return;
  const std::size_t begin = document_.text.size() - text.size();
  for (Span& span : spans) span = {span.begin + begin, span.end + begin};
  document_.blocks.push_back({.kind = BlockKind::kTable,
                              .level = details.level,
                              .span = {begin, document_.text.size()},
                              .place = details.place,
                              .rows = std::move(spans),
                              .header_row = has_header,
                              .language = details.language,
                              .hidden = details.hidden});
}

void DocumentBuilder::SetTitle(std::string_view title) {
  if (!document_.title.empty()) return;
  document_.title = Shorten(CollapseToLine(CleanText(title, suspicious_)), kMaxTitle);
}

void DocumentBuilder::SetMetadata(const std::string& key, std::string_view value) {
  SuspiciousCharacters unused;
  std::string clean_key = Shorten(CollapseToLine(CleanText(key, unused)), 100);
  std::string clean = Shorten(CollapseToLine(CleanText(value, suspicious_)), kMaxMetadata);
  if (!clean.empty() && !clean_key.empty()) document_.metadata.try_emplace(std::move(clean_key), std::move(clean));
}

void DocumentBuilder::Warn(std::string warning) {
  SuspiciousCharacters unused;
  warning = Shorten(CollapseToLine(CleanText(warning, unused)), 1000);
  if (document_.warnings.size() < kMaxWarnings &&
      std::ranges::find(document_.warnings, warning) == document_.warnings.end()) {
    document_.warnings.push_back(std::move(warning));
  }
}

Result<ParsedDocument> DocumentBuilder::Finish() && {
  if (full()) return std::unexpected(status_.error());
  const auto warn = [this](std::size_t count, std::string_view what) {
    if (count > 0) Warn(fmt::format("dropped {} {}", count, what));
  };
  warn(suspicious_.tags, "invisible tag characters, which can hide text");
  warn(suspicious_.selectors, "stray variation selectors, which can hide text");
  warn(suspicious_.overrides, "characters that reverse the direction of text: it may read otherwise than it looked");
  if (suspicious_.zero_width >= kManyZeroWidth) {
    warn(suspicious_.zero_width, "zero-width characters inside words");
  }
  if (suspicious_.replaced > 0) Warn(fmt::format("{} characters could not be decoded", suspicious_.replaced));
  if (document_.title.empty()) {
    const auto heading = std::ranges::find(document_.blocks, BlockKind::kHeading, &Block::kind);
    if (heading != document_.blocks.end() && !heading->hidden) {
      document_.title = Shorten(document_.text.substr(heading->span.begin, heading->span.size()), kMaxTitle);
    }
  }
  return std::move(document_);
}

std::string CleanLine(std::string_view text) {
  SuspiciousCharacters unused;
  return CollapseToLine(CleanText(text, unused));
}

ParsedDocument FailedDocument(std::string_view name, std::string_view reason) {
  ParsedDocument failed;
  failed.name = CleanLine(name);
  failed.warnings.push_back(CleanLine(reason));
  return failed;
}

}  // namespace strata::knowledge
