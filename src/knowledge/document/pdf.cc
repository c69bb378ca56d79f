// PDF (ISO 32000) by PDFium's text: reading order, paragraphs, headings and tables from where the glyphs stand.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numbers>
#include <optional>

#include "base/unicode.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/paged_text.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/pdf_image.h"
#include "knowledge/document/pdf_layout.h"
#include "knowledge/document/pdfium.h"
#include "knowledge/document/recognized_pages.h"

namespace strata::knowledge {
namespace {

// fpdfview.h: FPDF_ERR_PASSWORD; fpdf_edit.h: FPDF_PAGEOBJ_PATH, _IMAGE, FPDF_TEXTRENDERMODE_INVISIBLE.
constexpr unsigned long kPasswordError = 4;
constexpr int kPathObject = 2, kImageObject = 3, kInvisible = 3;
// Smaller text than this many points nobody reads.
constexpr float kTinySize = 1;
constexpr int kMaxShapes = 5000;
// A page that pictures cover to this part and that has no more letters than a stamp or a page number is a scan.
constexpr double kScanShare = 0.5;
constexpr std::size_t kScanLetters = 32;

class PdfReader {
 public:
  PdfReader(const Pdfium& pdfium, DocumentBuilder& builder)
      : pdfium_(pdfium), builder_(builder), recognized_(builder) {}

  Status Read(std::string_view bytes) {
    const auto close = [this](void* document) { pdfium_.FPDF_CloseDocument(document); };
    const std::unique_ptr<void, decltype(close)> document(
        pdfium_.FPDF_LoadMemDocument64(bytes.data(), bytes.size(), nullptr), close);
    if (document == nullptr) {
      if (pdfium_.FPDF_GetLastError() == kPasswordError) {
        return Fail(ErrorCode::kUnsupported, "an encrypted PDF, which needs a password");
      }
      return Fail(ErrorCode::kCorrupt, "a damaged PDF: its pages cannot be found");
    }
    ReadMetadata(document.get());
    const int pages = pdfium_.FPDF_GetPageCount(document.get());
    if (pages > builder_.budget().limits().pages) {
      return Fail(ErrorCode::kResourceExhausted, "{} pages (limit pages: {})", pages, builder_.budget().limits().pages);
    }
    for (int page = 0; page < pages; ++page) {
      STRATA_CHECK(builder_.budget().TakePage());
      ReadPage(document.get(), page);
    }
    if (!damaged_.empty()) {
      builder_.Warn(fmt::format("{} page{} (the first: {}) could not be read and left out", damaged_.size(),
                                damaged_.size() == 1 ? "" : "s", damaged_[0]));
    }
    text_.Write(builder_);
    return recognized_.Finish(!builder_.empty());
  }

 private:
  void ReadMetadata(Pdfium::Document document) {
    const auto get = [&](const char* tag) {
      const unsigned long size = pdfium_.FPDF_GetMetaText(document, tag, nullptr, 0);
      std::string utf16(std::min<unsigned long>(size, 1 << 16), '\0'), text;
      pdfium_.FPDF_GetMetaText(document, tag, utf16.data(), utf16.size());
      if (utf16.size() >= 2) utf16.resize(utf16.size() - 2);
      ConvertFrom("UTF-16LE", utf16, text);
      return text;
    };
    builder_.SetTitle(get("Title"));
    builder_.SetMetadata("author", get("Author"));
    builder_.SetMetadata("subject", get("Subject"));
    builder_.SetMetadata("keywords", get("Keywords"));
    builder_.SetMetadata("created", get("CreationDate"));
  }

  struct PageGlyphs {
    std::vector<PdfGlyph> upright, turned, hidden;
    PageView view;
  };

  void ReadPage(Pdfium::Document document, int index) {
    const auto close_page = [this](void* page) { pdfium_.FPDF_ClosePage(page); };
    const std::unique_ptr<void, decltype(close_page)> page(pdfium_.FPDF_LoadPage(document, index), close_page);
    if (page == nullptr) {
      damaged_.push_back(index + 1);
      return;
    }
    const auto close_text = [this](void* text) { pdfium_.FPDFText_ClosePage(text); };
    const std::unique_ptr<void, decltype(close_text)> text(pdfium_.FPDFText_LoadPage(page.get()), close_text);
    if (text == nullptr) {
      damaged_.push_back(index + 1);
      return;
    }
    const PageGlyphs glyphs = ReadGlyphs(page.get(), text.get());
    RecognizedPage scan;
    if (IsScan(page.get(), glyphs)) scan = Recognize(page.get(), index + 1);
    if (scan.words.empty()) {
      text_.AddPage(index + 1, glyphs.view, MakeFragments(glyphs.upright), false);
      AddTurned(glyphs, index + 1);
    } else {
      // The few letters of the page's own were drawn, too.
      text_.AddPage(index + 1, scan.view, MakeFragments(scan.words), false);
    }
    text_.AddPage(index + 1, glyphs.view, MakeFragments(glyphs.hidden), true);
  }

  bool IsScan(Pdfium::Page page, const PageGlyphs& glyphs) const {
    const std::size_t letters = glyphs.upright.size() + glyphs.turned.size();
    if (letters > kScanLetters) return false;
    const double share = PictureShare(pdfium_, page);
    return share >= kScanShare || (letters == 0 && share > 0);
  }

  RecognizedPage Recognize(Pdfium::Page page, std::int32_t number) {
    if (!recognized_.Want(number)) return {};
    const std::optional<GrayImage> image = DrawPage(pdfium_, page, builder_.budget().limits().image_bytes);
    if (image) return recognized_.Recognize(number, *image);
    damaged_.push_back(number);
    return {};
  }

  /// Shapes and pictures, before which white text can be read.
  std::vector<Pdfium::Rectangle> Backgrounds(Pdfium::Page page) const {
    std::vector<Pdfium::Rectangle> boxes;
    const int count = std::min(pdfium_.FPDFPage_CountObjects(page), kMaxShapes);
    for (int i = 0; i < count; ++i) {
      const Pdfium::Object object = pdfium_.FPDFPage_GetObject(page, i);
      const int type = pdfium_.FPDFPageObj_GetType(object);
      Pdfium::Rectangle box{};
      if ((type == kPathObject || type == kImageObject) &&
          pdfium_.FPDFPageObj_GetBounds(object, &box.left, &box.bottom, &box.right, &box.top) != 0) {
        boxes.push_back(box);
      }
    }
    return boxes;
  }

  PageGlyphs ReadGlyphs(Pdfium::Page page, Pdfium::TextPage text) {
    Pdfium::Rectangle frame{};
    pdfium_.FPDF_GetPageBoundingBox(page, &frame);
    const int rotation = pdfium_.FPDFPage_GetRotation(page);
    const std::vector<Pdfium::Rectangle> backgrounds = Backgrounds(page);
    const int count = pdfium_.FPDFText_CountChars(text);
    struct Seen {
      PdfGlyph glyph;
      Pdfium::Rectangle box;
      bool placed;
      int angle;  // quarter turns, clockwise from the page's own axes
      bool hidden, invisible;
    };
    std::vector<Seen> seen;
    std::map<int, std::size_t> angles;
    bool all_invisible = true;
    char32_t high = 0;
    for (int i = 0; i < count; ++i) {
      char32_t c = pdfium_.FPDFText_GetUnicode(text, i);
      if (c >= 0xD800 && c < 0xDC00) {
        high = c;
        continue;
      }
      if (c >= 0xDC00 && c < 0xE000)
        c = high == 0 ? kReplacementCharacter : 0x10000 + ((high - 0xD800) << 10) + (c - 0xDC00);
      high = 0;
      Pdfium::Rectangle box{};
      const bool placed = pdfium_.FPDFText_GetLooseCharBox(text, i, &box) != 0;
      const bool generated = pdfium_.FPDFText_IsGenerated(text, i) != 0;
      Seen one{.glyph = {.c = c, .box = {}},
               .box = box,
               .placed = placed && !generated,
               .angle = 0,
               .hidden = false,
               .invisible = false};
      one.glyph.hyphen = pdfium_.FPDFText_IsHyphen(text, i) != 0 || c == 2;
      if (!one.placed) {
        if (seen.empty()) continue;
        one.angle = seen.back().angle;
        one.hidden = seen.back().hidden;
        one.invisible = seen.back().invisible;
        seen.push_back(one);
        continue;
      }
      one.angle =
          static_cast<int>(std::lround(pdfium_.FPDFText_GetCharAngle(text, i) / (std::numbers::pi_v<float> / 2))) & 3;
      ++angles[one.angle];
      one.invisible = IsInvisible(text, i);
      all_invisible = all_invisible && one.invisible;
      one.hidden = std::max(std::abs(box.top - box.bottom), std::abs(box.right - box.left)) < kTinySize ||
                   IsOff(box, frame) || IsWhiteOnNothing(text, i, box, backgrounds);
      seen.push_back(one);
    }
    PageGlyphs glyphs;
    // As most text stands upright, however the page is shown.
    const auto most = std::ranges::max_element(angles, {}, [](const auto& entry) { return entry.second; });
    const int usual = most == angles.end() ? (4 - rotation) & 3 : most->first;
    const float width = std::abs(frame.right - frame.left), height = std::abs(frame.top - frame.bottom);
    glyphs.view = {width, height, (4 - usual - rotation) & 3};
    if (usual % 2 != 0) std::swap(glyphs.view.width, glyphs.view.height);
    PdfGlyph last;
    for (Seen& one : seen) {
      if (one.placed || !one.glyph.hyphen) {
        one.glyph.box = Turned({one.box.left - frame.left, frame.top - one.box.top, one.box.right - frame.left,
                                frame.top - one.box.bottom},
                               width, height, 4 - usual);
      } else {
        one.glyph.box = last.box;
      }
      // The font's size before scaling says little; the box's height is what is seen.
      one.glyph.size = one.placed ? std::abs(one.glyph.box.bottom - one.glyph.box.top) : last.size;
      last = one.glyph;
      // Text that is invisible on all of a page is what OCR put over a scan.
      const bool hidden = one.hidden || (one.invisible && !all_invisible);
      auto& list = hidden ? glyphs.hidden : one.angle != usual ? glyphs.turned : glyphs.upright;
      list.push_back(one.glyph);
    }
    return glyphs;
  }

  bool IsInvisible(Pdfium::TextPage text, int i) const {
    const Pdfium::Object object = pdfium_.FPDFText_GetTextObject(text, i);
    return object != nullptr && pdfium_.FPDFTextObj_GetTextRenderMode(object) == kInvisible;
  }

  static bool IsOff(const Pdfium::Rectangle& box, const Pdfium::Rectangle& frame) {
    return box.right < frame.left || box.left > frame.right || box.top < frame.bottom || box.bottom > frame.top;
  }

  bool IsWhiteOnNothing(Pdfium::TextPage text, int i, const Pdfium::Rectangle& box,
                        const std::vector<Pdfium::Rectangle>& backgrounds) const {
    unsigned r = 0, g = 0, b = 0, a = 255;
    if (pdfium_.FPDFText_GetFillColor(text, i, &r, &g, &b, &a) == 0) return false;
    if (a == 0) return true;
    if (std::min({r, g, b}) < 250) return false;
    const float x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    return std::ranges::none_of(backgrounds, [&](const Pdfium::Rectangle& behind) {
      return behind.left <= x && x <= behind.right && behind.bottom <= y && y <= behind.top;
    });
  }

  /// Text that stands upright on its side, as the file has it.
  void AddTurned(const PageGlyphs& glyphs, std::int32_t page) {
    PdfBlock block;
    for (const PdfGlyph& glyph : glyphs.turned) {
      if (glyph.hyphen) continue;
      AppendUtf8(block.text, glyph.c);
      if (block.box == Box{}) block.box = glyph.box;
    }
    text_.AddBlock(page, glyphs.view, std::move(block));
  }

  const Pdfium& pdfium_;
  DocumentBuilder& builder_;
  RecognizedPages recognized_;
  PagedText text_;
  std::vector<int> damaged_;
};

}  // namespace

Status ParsePdf(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const Pdfium* pdfium, LoadPdfium());
  DocumentBuilder builder(budget, "application/pdf");
  STRATA_CHECK(PdfReader(*pdfium, builder).Read(input.bytes));
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
