// What a parser makes of a file: its text in reading order, in blocks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "knowledge/types.h"

namespace strata::knowledge {

enum class BlockKind : std::uint8_t { kHeading, kParagraph, kListItem, kTable, kCode, kQuote, kCaption };

struct Block {
  BlockKind kind = BlockKind::kParagraph;
  int level = 0;  ///< of a heading, 1 to 6; how deep a list item is, from 1
  Span span;      ///< of ParsedDocument::text; blocks follow each other and do not overlap
  Place place = {};
  /// Rows of a table, each a span of the text (a line "a | b | c"); empty for other kinds.
  std::vector<Span> rows = {};
  bool header_row = false;    ///< the first row names the columns
  std::string language = {};  ///< of code, as the file says or its name ends: "cpp"
  /// A person who looks at the file does not see it (white on white, off the page, zero-sized): kept apart, so that it
  /// can be flagged and left out, never silently read.
  bool hidden = false;
};

struct ParsedDocument {
  std::string name;        ///< path inside an archive, mail or book; empty for the file itself
  std::string media_type;  ///< "application/pdf"
  std::string title;       ///< as the file says; empty where it does not
  std::string text;        ///< UTF-8, NFC, without control characters but \n and \t; blocks are parted by blank lines
  std::vector<Block> blocks;
  std::map<std::string, std::string> metadata;  ///< author, created, subject, from, ... as the file says
  std::vector<std::string> warnings;            ///< what could not be read and was left out, for the user
};

}  // namespace strata::knowledge
