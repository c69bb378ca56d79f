// How parsers put a document together: one block after the other, cleaned and counted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/document/budget.h"
#include "knowledge/document/clean_text.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

using TableRows = std::vector<std::vector<std::string>>;

/// Text that is no UTF-8, is not NFC or holds control characters is cleaned; white space is collapsed but in code;
/// empty blocks vanish. Once the budget is spent everything more is dropped and Finish fails.
class DocumentBuilder {
 public:
  struct Details {
    int level = 0;
    Place place = {};
    std::string language = {};
    bool hidden = false;
  };

  DocumentBuilder(ParseBudget& budget, std::string media_type);

  void Add(BlockKind kind, std::string_view text, const Details& details);
  void Add(BlockKind kind, std::string_view text) { Add(kind, text, Details{}); }
  void AddHeading(int level, std::string_view text) { Add(BlockKind::kHeading, text, {.level = level}); }
  /// Cells are put on one line each; rows without any text and columns that are empty everywhere vanish.
  void AddTable(const TableRows& rows, bool header_row, const Details& details);
  void AddTable(const TableRows& rows, bool header_row) { AddTable(rows, header_row, Details{}); }

  void SetTitle(std::string_view title);
  /// What is empty is not set; the first value stays.
  void SetMetadata(const std::string& key, std::string_view value);
  /// Each text once.
  void Warn(std::string warning);

  bool full() const { return !status_.has_value(); }
  bool empty() const { return document_.blocks.empty(); }
  const std::string& title() const { return document_.title; }
  ParseBudget& budget() { return budget_; }

  /// The title is the first heading's where none was set.
  Result<ParsedDocument> Finish() &&;

 private:
  bool Append(std::string_view text);

  ParseBudget& budget_;
  ParsedDocument document_;
  SuspiciousCharacters suspicious_;
  Status status_;
};

/// A document without text, for a file in an archive or mail that could not be read.
ParsedDocument FailedDocument(std::string_view name, std::string_view reason);

/// Text on one clean line, for names.
std::string CleanLine(std::string_view text);

}  // namespace strata::knowledge
