// From glyphs on a page to what a person reads: lines in reading order, paragraphs, rows of tables.
#pragma once

#include <string>
#include <vector>

#include "knowledge/document/page_view.h"

namespace strata::knowledge {

struct PdfGlyph {
  char32_t c = 0;
  Box box;              ///< from the top left corner of the page's view
  float size = 0;       ///< of the font, points
  bool hyphen = false;  ///< added where a word was broken
};

/// A word that was recognised in a picture.
struct PdfWord {
  std::string text;
  Box box;                   ///< as of a glyph; as high as its line
  float size = 0;            ///< of the line's letters, points
  bool starts_line = false;  ///< the words before it stand on other lines
};

/// Glyphs that stand beside each other without a gap as wide as a column's.
struct PdfFragment {
  std::string text;
  Box box;
  float size = 0;
  bool hyphenated = false;  ///< ends with a hyphen that was added
};

/// Fragments on one base line; more than one where there are gaps: the cells of a row.
struct PdfLine {
  std::vector<PdfFragment> fragments;
  Box box;
  float size = 0;
  std::string Text() const;
};

/// The lines of one region of a page, top down.
using PdfRegion = std::vector<PdfLine>;

/// The fragments of glyphs that come in the order of the file.
std::vector<PdfFragment> MakeFragments(const std::vector<PdfGlyph>& glyphs);
/// The fragments of words, line by line.
std::vector<PdfFragment> MakeFragments(const std::vector<PdfWord>& words);

/// Regions in reading order: the page is cut along its white rivers, alternately across (between columns) and along (XY
/// cut; Nagy and Seth 1984). A river between cells whose rows stand beside each other is a table's and is not cut.
std::vector<PdfRegion> ReadingOrder(std::vector<PdfFragment> fragments);

struct PdfBlock {
  std::string text;
  std::vector<std::vector<std::string>> rows;  ///< of a table; then there is no text
  Box box;
  float size = 0;
  int lines = 0;
};

/// Paragraphs (by spacing, indents and sizes) and tables (runs of lines with several cells).
std::vector<PdfBlock> MakeBlocks(const PdfRegion& region);

}  // namespace strata::knowledge
