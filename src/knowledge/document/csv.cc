// Tables in text (RFC 4180 and its dialects).
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "knowledge/document/encoding.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/table_header.h"

namespace strata::knowledge {
namespace {

constexpr std::array kSeparators = {',', ';', '\t', '|'};
// How much of the file the dialect is told from.
constexpr std::size_t kSampleRows = 50;
// Spreadsheets have no more; a separator that makes more is none.
constexpr std::size_t kMaxColumns = 16384;

/// Rows of cells from the front of `text`, at most `rows` of them.
TableRows ReadRows(std::string_view text, char separator, std::size_t rows) {
  TableRows table;
  std::vector<std::string> cells;
  std::string cell;
  bool quoted = false, had_quotes = false;
  const auto end_cell = [&] {
    cells.push_back(std::exchange(cell, {}));
    had_quotes = false;
  };
  for (std::size_t at = 0; at < text.size() && table.size() < rows; ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        cell += c;
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"' && !had_quotes && TrimSpaces(cell).empty()) {
      cell.clear();
      quoted = had_quotes = true;
    } else if (c == separator && cells.size() < kMaxColumns) {
      end_cell();
    } else if (c == '\n' || c == '\r') {
      if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
      end_cell();
      table.push_back(std::exchange(cells, {}));
    } else {
      cell += c;
    }
  }
  if (table.size() < rows && (!cell.empty() || !cells.empty())) {
    end_cell();
    table.push_back(std::move(cells));
  }
  return table;
}

/// The separator with which most rows have the same number of cells, more than one.
char DetectSeparator(std::string_view text) {
  char best = ',';
  double best_score = 0;
  for (const char separator : kSeparators) {
    const TableRows rows = ReadRows(text, separator, kSampleRows);
    std::vector<std::size_t> widths;
    for (const auto& row : rows) widths.push_back(row.size());
    if (widths.empty()) continue;
    std::ranges::nth_element(widths, widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 2));
    const std::size_t usual = widths[widths.size() / 2];
    if (usual < 2) continue;
    const auto same = static_cast<double>(std::ranges::count(widths, usual));
    const double score =
        same / static_cast<double>(widths.size()) + 0.001 * static_cast<double>(std::min<std::size_t>(usual, 100));
    if (score > best_score) {
      best_score = score;
      best = separator;
    }
  }
  return best;
}

}  // namespace

Status ParseCsv(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  std::string_view text = decoded.text;
  char separator = 0;
  // Excel's own line about the separator.
  if (text.starts_with("sep=") && text.size() > 5) {
    separator = text[4];
    text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  } else {
    const std::string extension = LowerAscii(ExtensionOf(input.name));
    separator = extension == "tsv" || extension == "tab" ? '\t' : DetectSeparator(text);
  }
  DocumentBuilder builder(budget, separator == '\t' ? "text/tab-separated-values" : "text/csv");
  TableRows rows = ReadRows(text, separator, std::numeric_limits<std::size_t>::max());
  if (std::ranges::count(decoded.text, '"') % 2 != 0) builder.Warn("a quoted cell has no end");
  const bool header = LooksLikeHeader(rows);
  builder.AddTable(rows, header);
  builder.SetMetadata("charset", decoded.charset);
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
