#include "knowledge/document/paged_text.h"

#include <algorithm>
#include <cmath>

#include "knowledge/document/table_header.h"

namespace strata::knowledge {
namespace {

// Where running heads and feet stand, as a part of the page's height, and on how many pages they repeat.
constexpr float kMargin = 0.09F;
constexpr std::size_t kRepeats = 3;
// A heading's size compared with the text's, and how long it can be.
constexpr float kHeadingSize = 1.12F;
constexpr std::size_t kMaxHeading = 200;

std::string WithoutDigits(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      if (!out.ends_with('#')) out += '#';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void PagedText::AddPage(std::int32_t page, const PageView& view, std::vector<PdfFragment> fragments, bool hidden) {
  for (const PdfRegion& region : ReadingOrder(std::move(fragments))) {
    for (PdfBlock& block : MakeBlocks(region)) {
      const bool margin = block.box.bottom < kMargin * view.height || block.box.top > (1 - kMargin) * view.height;
      block.box = view.Shown(block.box);
      if (!hidden && margin) margins_[WithoutDigits(block.text)].insert(page);
      if (!hidden) sizes_[std::lround(block.size * 2)] += block.text.size();
      blocks_.push_back({.block = std::move(block), .page = page, .hidden = hidden, .margin = margin && !hidden});
    }
  }
}

void PagedText::AddBlock(std::int32_t page, const PageView& view, PdfBlock block) {
  block.box = view.Shown(block.box);
  if (!block.text.empty()) blocks_.push_back({.block = std::move(block), .page = page});
}

void PagedText::Write(DocumentBuilder& builder) const {
  // The size that most text has is the text's; larger ones are headings, the largest the outermost.
  const auto usual = std::ranges::max_element(sizes_, {}, [](const auto& entry) { return entry.second; });
  const float text_size = usual == sizes_.end() ? 0 : static_cast<float>(usual->first) / 2;
  std::set<long, std::greater<>> heading_sizes;
  const auto is_heading = [&](const PdfBlock& block) {
    return block.rows.empty() && block.lines > 0 && block.lines <= 3 && block.text.size() <= kMaxHeading &&
           block.size >= kHeadingSize * text_size;
  };
  for (const PlacedBlock& placed : blocks_) {
    if (!placed.hidden && is_heading(placed.block)) heading_sizes.insert(std::lround(placed.block.size));
  }
  for (const PlacedBlock& placed : blocks_) {
    const PdfBlock& block = placed.block;
    if (placed.margin && margins_.at(WithoutDigits(block.text)).size() >= kRepeats) continue;
    const DocumentBuilder::Details details{.place = {.page = placed.page, .box = block.box}, .hidden = placed.hidden};
    if (!block.rows.empty()) {
      builder.AddTable(block.rows, LooksLikeHeader(block.rows), details);
    } else if (!placed.hidden && is_heading(block)) {
      const auto rank = std::distance(heading_sizes.begin(), heading_sizes.find(std::lround(block.size)));
      builder.Add(BlockKind::kHeading, block.text,
                  {.level = static_cast<int>(std::min<std::ptrdiff_t>(rank, 5)) + 1, .place = details.place});
    } else {
      builder.Add(BlockKind::kParagraph, block.text, details);
    }
  }
}

}  // namespace strata::knowledge
