// The text of pages, from where it stands on them to blocks of a document: for text that a file has and text that was
// recognised.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "knowledge/document/builder.h"
#include "knowledge/document/pdf_layout.h"

namespace strata::knowledge {

/// Takes pages in their order. What repeats on margins is left out, and what is larger than most text is a heading; so
/// nothing is written before all pages are there.
class PagedText {
 public:
  /// Fragments stand where `view` has them; blocks are written with boxes on the page as it is shown.
  void AddPage(std::int32_t page, const PageView& view, std::vector<PdfFragment> fragments, bool hidden);
  /// A paragraph that is neither heading nor margin.
  void AddBlock(std::int32_t page, const PageView& view, PdfBlock block);

  void Write(DocumentBuilder& builder) const;

 private:
  struct PlacedBlock {
    PdfBlock block;
    std::int32_t page = 0;
    bool hidden = false;
    bool margin = false;  ///< stands where heads and feet do
  };

  std::vector<PlacedBlock> blocks_;
  std::map<std::string, std::set<std::int32_t>> margins_;  // text in margins -> its pages
  std::map<long, std::size_t> sizes_;                      // half points -> bytes of text
};

}  // namespace strata::knowledge
