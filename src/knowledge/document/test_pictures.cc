#include "knowledge/document/test_pictures.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <leptonica/allheaders.h>

#include "knowledge/document/pix_pointer.h"

namespace strata::knowledge {
namespace {

constexpr int kWidth = 1748, kHeight = 2480, kDpi = 300, kMargin = 150, kFontSize = 10;

PixPointer Draw(std::string_view text) {
  PixPointer pix(pixCreate(kWidth, kHeight, 8));
  pixSetAll(pix.get());
  pixSetResolution(pix.get(), kDpi, kDpi);
  L_BMF* font = bmfCreate(nullptr, kFontSize);
  int overflow = 0;
  if (!text.empty()) {
    pixSetTextblock(pix.get(), font, std::string(text).c_str(), 0, kMargin, 2 * kMargin, kWidth - 2 * kMargin, 0,
                    &overflow);
  }
  bmfDestroy(&font);
  return pix;
}

std::string Take(l_uint8* bytes, std::size_t size) {
  std::string file(reinterpret_cast<char*>(bytes), size);
  lept_free(bytes);
  return file;
}

std::string Encode(PIX* pix, int format) {
  l_uint8* bytes = nullptr;
  std::size_t size = 0;
  pixWriteMem(&bytes, &size, pix, format);
  return Take(bytes, size);
}

int EncodingOf(PictureFormat format) {
  switch (format) {
    case PictureFormat::kJpeg:
      return IFF_JFIF_JPEG;
    case PictureFormat::kTiff:
      return IFF_TIFF_LZW;
    case PictureFormat::kBmp:
      return IFF_BMP;
    case PictureFormat::kWebp:
      return IFF_WEBP;
    default:
      return IFF_PNG;
  }
}

/// The lines of a text, one below the other, with a matrix that turns them.
std::string TextOperators(std::string_view text, int turns) {
  static constexpr std::string_view kMatrices[] = {"1 0 0 1 50 300", "0 -1 1 0 210 500", "-1 0 0 -1 370 300",
                                                   "0 1 -1 0 210 100"};
  std::string operators = fmt::format("BT /F 12 Tf 16 TL {} Tm\n", kMatrices[turns]);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    operators += fmt::format("({}) Tj T*\n", line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return operators + "ET\n";
}

}  // namespace

std::string MakePicture(PictureFormat format, std::string_view text, int turns) {
  PixPointer page = Draw(text);
  if (turns != 0) page.reset(pixRotateOrth(page.get(), turns));
  return Encode(page.get(), EncodingOf(format));
}

std::string MakeTiff(const std::vector<std::string>& texts) {
  PIXA* pages = pixaCreate(static_cast<int>(texts.size()));
  for (const std::string& text : texts) pixaAddPix(pages, Draw(text).release(), L_INSERT);
  l_uint8* bytes = nullptr;
  std::size_t size = 0;
  pixaWriteMemMultipageTiff(&bytes, &size, pages);
  pixaDestroy(&pages);
  return Take(bytes, size);
}

std::string MakeNoise() {
  const PixPointer pix(pixCreate(kWidth / 4, kHeight / 4, 8));
  std::uint32_t state = 1;
  for (int y = 0; y < kHeight / 4; ++y) {
    for (int x = 0; x < kWidth / 4; ++x) {
      state = state * 1664525 + 1013904223;
      pixSetPixel(pix.get(), x, y, state >> 24);
    }
  }
  return Encode(pix.get(), IFF_PNG);
}

std::string MakePdf(const std::vector<PdfTestPage>& pages) {
  std::string file = "%PDF-1.4\n", kids;
  std::vector<std::size_t> offsets;
  const auto add = [&](std::string_view object) {
    offsets.push_back(file.size());
    file += fmt::format("{} 0 obj\n{}\nendobj\n", offsets.size(), object);
  };
  const auto stream = [](std::string_view entries, std::string_view bytes) {
    return fmt::format("<<{} /Length {}>>\nstream\n{}\nendstream", entries, bytes.size(), bytes);
  };
  // A5 in points; objects 1 and 2 are the catalogue and the tree of pages, 3 the font, then three for each page.
  constexpr int kPageWidth = 420, kPageHeight = 595;
  for (std::size_t i = 0; i < pages.size(); ++i) kids += fmt::format("{} 0 R ", 4 + 3 * i);
  add("<</Type /Catalog /Pages 2 0 R>>");
  add(fmt::format("<</Type /Pages /Kids [{}] /Count {}>>", kids, pages.size()));
  add("<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>");
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const PdfTestPage& page = pages[i];
    add(fmt::format(
        "<</Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Rotate {} /Contents {} 0 R /Resources <</Font <</F 3 0 R>> "
        "/XObject <</I {} 0 R>>>>>>",
        kPageWidth, kPageHeight, 90 * page.page_turns, 5 + 3 * i, 6 + 3 * i));
    std::string content;
    if (!page.jpeg.empty()) content += fmt::format("q {} 0 0 {} 0 0 cm /I Do Q\n", kPageWidth, kPageHeight);
    if (!page.text.empty()) content += TextOperators(page.text, page.text_turns);
    add(stream("", content));
    add(stream(fmt::format("/Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /DeviceGray "
                           "/BitsPerComponent 8 /Filter /DCTDecode",
                           kWidth, kHeight),
               page.jpeg));
  }
  const std::size_t table = file.size();
  file += fmt::format("xref\n0 {}\n0000000000 65535 f \n", offsets.size() + 1);
  for (const std::size_t offset : offsets) file += fmt::format("{:010} 00000 n \n", offset);
  return file + fmt::format("trailer\n<</Size {} /Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", offsets.size() + 1, table);
}

}  // namespace strata::knowledge
