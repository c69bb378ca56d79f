#include "knowledge/document/pdf_layout.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

// In sizes of the font: a gap that parts words, one that parts cells or columns, how far base lines of one line differ.
constexpr float kWordGap = 0.18F, kCellGap = 1.6F, kSameLine = 0.45F;
// A river between columns is at least so wide; a gap between paragraphs is so much more than between lines.
constexpr float kRiver = 1.0F, kParagraphGap = 0.55F;
// Cells are shorter than the lines of columns, characters.
constexpr std::size_t kCellLength = 30;
constexpr int kMaxCuts = 12;

float Width(const Box& box) { return box.right - box.left; }
float Middle(const Box& box) { return (box.top + box.bottom) / 2; }

void Extend(Box& box, const Box& by) {
  box = {std::min(box.left, by.left), std::min(box.top, by.top), std::max(box.right, by.right),
         std::max(box.bottom, by.bottom)};
}

bool IsWide(char32_t c) {
  return (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7B0) || (c >= 0xF900 && c < 0xFB00) ||
         (c >= 0xFF00 && c < 0xFFEF);
}

char32_t LastOf(const std::string& text) {
  std::size_t at = text.size();
  do {
    if (at == 0) break;
    --at;
  } while ((text[at] & 0xC0) == 0x80);
  return text.empty() ? 0 : DecodeUtf8(std::string_view(text).substr(at)).code_point;
}

/// Typographic ligatures as the letters that they stand for.
void AppendGlyph(std::string& out, char32_t c) {
  static constexpr std::string_view kLigatures[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};
  if (c >= 0xFB00 && c <= 0xFB06) {
    out += kLigatures[c - 0xFB00];
  } else {
    AppendUtf8(out, c);
  }
}

bool IsListStart(std::string_view text) {
  for (const std::string_view bullet : {"\u2022", "\u25CF", "\u25E6", "\u25AA", "\u2013 ", "- ", "\u00B7", "\u25A0"}) {
    if (text.starts_with(bullet)) return true;
  }
  const std::size_t digits = text.find_first_not_of("0123456789");
  return digits != text.npos && digits > 0 && digits <= 2 && (text[digits] == '.' || text[digits] == ')') &&
         text.size() > digits + 1 && text[digits + 1] == ' ';
}

std::vector<PdfLine> MakeLines(std::vector<PdfFragment> fragments) {
  std::ranges::sort(fragments, [](const auto& a, const auto& b) {
    return Middle(a.box) != Middle(b.box) ? Middle(a.box) < Middle(b.box) : a.box.left < b.box.left;
  });
  std::vector<PdfLine> lines;
  for (PdfFragment& fragment : fragments) {
    const bool same = !lines.empty() && std::abs(Middle(lines.back().box) - Middle(fragment.box)) <
                                            kSameLine * std::min(lines.back().size, fragment.size);
    if (!same) lines.push_back({.fragments = {}, .box = fragment.box, .size = fragment.size});
    PdfLine& line = lines.back();
    Extend(line.box, fragment.box);
    line.size = std::max(line.size, fragment.size);
    line.fragments.push_back(std::move(fragment));
  }
  for (PdfLine& line : lines) {
    std::ranges::sort(line.fragments, {}, [](const PdfFragment& fragment) { return fragment.box.left; });
  }
  return lines;
}

float MedianSize(const std::vector<PdfFragment>& fragments) {
  std::vector<float> sizes;
  sizes.reserve(fragments.size());
  for (const PdfFragment& fragment : fragments) sizes.push_back(fragment.size);
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::ranges::nth_element(sizes, middle);
  return *middle;
}

struct Gap {
  float at = 0, width = 0;
};

/// The widest band without any fragment, across (x) or along (y) the page.
std::optional<Gap> WidestGap(const std::vector<PdfFragment>& fragments, bool across) {
  std::vector<std::pair<float, float>> extents;
  for (const PdfFragment& fragment : fragments) {
    const Box& box = fragment.box;
    extents.push_back(across ? std::pair(box.left, box.right) : std::pair(box.top, box.bottom));
  }
  std::ranges::sort(extents);
  std::optional<Gap> widest;
  float end = extents.front().second;
  for (const auto& [from, to] : extents) {
    if (from > end && (!widest || from - end > widest->width)) widest = Gap{(from + end) / 2, from - end};
    end = std::max(end, to);
  }
  return widest;
}

bool HasTableRows(const std::vector<PdfFragment>& left, const std::vector<PdfFragment>& right) {
  std::size_t beside = 0, letters = 0;
  const auto& fewer = left.size() < right.size() ? left : right;
  const auto& others = left.size() < right.size() ? right : left;
  for (const PdfFragment& fragment : fewer) {
    letters += fragment.text.size();
    beside +=
        std::ranges::any_of(others,
                            [&](const PdfFragment& other) {
                              return std::abs(Middle(other.box) - Middle(fragment.box)) < kSameLine * fragment.size;
                            })
            ? 1U
            : 0U;
  }
  return beside * 10 >= fewer.size() * 8 && letters <= fewer.size() * kCellLength;
}

void Cut(std::vector<PdfFragment> fragments, int depth, std::vector<PdfRegion>& regions) {
  if (fragments.empty()) return;
  const float size = MedianSize(fragments);
  const auto split = [&](bool across, float at) {
    std::pair<std::vector<PdfFragment>, std::vector<PdfFragment>> parts;
    for (const PdfFragment& fragment : fragments) {
      ((across ? fragment.box.left : fragment.box.top) < at ? parts.first : parts.second).push_back(fragment);
    }
    return parts;
  };
  if (depth < kMaxCuts) {
    if (const auto river = WidestGap(fragments, true); river && river->width >= kRiver * size) {
      auto [left, right] = split(true, river->at);
      if (left.size() > 1 && right.size() > 1 && !HasTableRows(left, right)) {
        Cut(std::move(left), depth + 1, regions);
        return Cut(std::move(right), depth + 1, regions);
      }
    }
    // Across the whole width: a title above columns has to go before their river can be seen.
    if (const auto gap = WidestGap(fragments, false); gap && gap->width >= kParagraphGap * size) {
      auto [upper, lower] = split(false, gap->at);
      Cut(std::move(upper), depth + 1, regions);
      return Cut(std::move(lower), depth + 1, regions);
    }
  }
  regions.push_back(MakeLines(std::move(fragments)));
}

void JoinLine(std::string& text, const PdfLine& line, bool hyphenated) {
  const std::string next = line.Text();
  if (text.empty() || next.empty()) {
    text += next;
    return;
  }
  const char32_t last = LastOf(text), first = DecodeUtf8(next).code_point;
  if (hyphenated || ((last == '-' || last == 0xAD || last == 0x2010) && IsLetter(first) && ToUpper(first) != first)) {
    if (!hyphenated) text.resize(text.size() - (last == '-' ? 1 : last == 0xAD ? 2 : 3));
  } else if (!IsWide(last) || !IsWide(first)) {
    text += ' ';
  }
  text += next;
}

bool StartsParagraph(const PdfLine& line, const PdfLine& previous, const Box& region, float pitch) {
  const float size = std::max(line.size, previous.size);
  if (std::abs(line.size - previous.size) > 0.1F * size) return true;
  if (line.box.top - previous.box.top > pitch + kParagraphGap * size) return true;
  if (IsListStart(line.fragments.front().text)) return true;
  const bool indented = line.box.left > previous.box.left + size && line.box.left > region.left + size;
  const bool ended_early = previous.box.right < region.right - 0.15F * Width(region);
  const std::string end = previous.fragments.back().text;
  const bool stopped = !end.empty() && std::string_view(".!?:").find(end.back()) != std::string_view::npos;
  return (indented && stopped) || (ended_early && stopped);
}

/// How far a line is from the next one, usually.
float LinePitch(const PdfRegion& region) {
  std::vector<float> pitches;
  for (std::size_t i = 1; i < region.size(); ++i) pitches.push_back(region[i].box.top - region[i - 1].box.top);
  if (pitches.empty()) return 0;
  const auto low = pitches.begin() + static_cast<std::ptrdiff_t>(pitches.size() / 3);
  std::ranges::nth_element(pitches, low);
  return *low;
}

}  // namespace

std::string PdfLine::Text() const {
  std::string text;
  for (const PdfFragment& fragment : fragments) {
    if (!text.empty()) text += ' ';
    text += fragment.text;
  }
  return text;
}

std::vector<PdfFragment> MakeFragments(const std::vector<PdfGlyph>& glyphs) {
  std::vector<PdfFragment> fragments;
  bool open = false, space = false;
  for (const PdfGlyph& glyph : glyphs) {
    if (glyph.c == '\n' || glyph.c == '\r') {
      open = false;
      continue;
    }
    if (glyph.c == ' ' || glyph.c == 0xA0) {
      space = true;
      continue;
    }
    if (open) {
      const PdfFragment& last = fragments.back();
      const float size = std::max(glyph.size, last.size);
      const float gap = glyph.box.left - last.box.right;
      const bool level = std::abs(Middle(glyph.box) - Middle(last.box)) < kSameLine * size;
      open = level && gap < kCellGap * size && gap > -size;
      space = space || gap > kWordGap * size;
    }
    if (!open) fragments.push_back({.text = {}, .box = glyph.box, .size = glyph.size});
    PdfFragment& fragment = fragments.back();
    if (open && space && !fragment.hyphenated) fragment.text += ' ';
    fragment.hyphenated = glyph.hyphen;
    if (!glyph.hyphen) AppendGlyph(fragment.text, glyph.c);
    Extend(fragment.box, glyph.box);
    fragment.size = std::max(fragment.size, glyph.size);
    open = true;
    space = false;
  }
  std::erase_if(fragments, [](const PdfFragment& fragment) { return fragment.text.empty(); });
  return fragments;
}

std::vector<PdfFragment> MakeFragments(const std::vector<PdfWord>& words) {
  std::vector<PdfFragment> fragments;
  for (const PdfWord& word : words) {
    const bool open =
        !word.starts_line && !fragments.empty() && word.box.left - fragments.back().box.right < kCellGap * word.size;
    if (!open) {
      fragments.push_back({.text = word.text, .box = word.box, .size = word.size});
      continue;
    }
    PdfFragment& fragment = fragments.back();
    if (!IsWide(LastOf(fragment.text)) || !IsWide(DecodeUtf8(word.text).code_point)) fragment.text += ' ';
    fragment.text += word.text;
    Extend(fragment.box, word.box);
  }
  return fragments;
}

std::vector<PdfRegion> ReadingOrder(std::vector<PdfFragment> fragments) {
  std::vector<PdfRegion> regions;
  Cut(std::move(fragments), 0, regions);
  return regions;
}

std::vector<PdfBlock> MakeBlocks(const PdfRegion& region) {
  std::vector<PdfBlock> blocks;
  if (region.empty()) return blocks;
  Box whole = region.front().box;
  for (const PdfLine& line : region) Extend(whole, line.box);
  const float pitch = LinePitch(region);
  for (std::size_t i = 0; i < region.size();) {
    std::size_t end = i;
    while (end < region.size() && region[end].fragments.size() > 1) ++end;
    if (end - i >= 2) {
      PdfBlock table{.text = {}, .rows = {}, .box = region[i].box, .size = region[i].size};
      for (; i < end; ++i) {
        std::vector<std::string>& cells = table.rows.emplace_back();
        for (const PdfFragment& fragment : region[i].fragments) cells.push_back(fragment.text);
        Extend(table.box, region[i].box);
        ++table.lines;
      }
      blocks.push_back(std::move(table));
      continue;
    }
    PdfBlock paragraph{.text = {}, .rows = {}, .box = region[i].box, .size = region[i].size};
    bool hyphenated = false;
    do {
      JoinLine(paragraph.text, region[i], hyphenated);
      hyphenated = region[i].fragments.back().hyphenated;
      Extend(paragraph.box, region[i].box);
      ++paragraph.lines;
      ++i;
    } while (i < region.size() && !StartsParagraph(region[i], region[i - 1], whole, pitch) &&
             !(region[i].fragments.size() > 1 && i + 1 < region.size() && region[i + 1].fragments.size() > 1));
    blocks.push_back(std::move(paragraph));
  }
  return blocks;
}

}  // namespace strata::knowledge
