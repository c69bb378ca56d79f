// A document as the chunker packs it: pieces that stay whole, and how well it may be cut before each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/chunk/chunk.h"
#include "knowledge/chunk/token_counter.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

/// How good a place for a cut is, from worst to best.
enum class Cut : std::uint8_t {
  kNever,     ///< behind a heading, inside a sentence
  kSentence,  ///< between sentences or lines of code; before a list whose introduction stands in front of it
  kPart,      ///< between items, rows, paragraphs of code
  kBlock,     ///< between paragraphs, definitions
  kSection,   ///< before a heading
  kAlways,    ///< between pairs of questions and answers
};

/// A sentence, a row, an item, a line of code; what is too long for a chunk is several.
struct Unit {
  Span span;              ///< of the document's text
  std::int64_t cost = 0;  ///< with the white space before it
  Cut before = Cut::kBlock;
  std::uint32_t block = 0;  ///< place in ParsedDocument::blocks
  std::uint32_t path = 0;   ///< place in UnitList::paths: the headings above it
  bool prose = false;       ///< running text, which may be repeated as overlap
};

struct UnitList {
  std::vector<Unit> units;
  std::vector<std::vector<std::string>> paths;  ///< headings from the outermost
};

/// No unit costs more than `limit`, but for a single character.
UnitList MakeUnits(const ParsedDocument& document, const TokenCounter& counter, std::int64_t limit, ChunkMethod method);

}  // namespace strata::knowledge
