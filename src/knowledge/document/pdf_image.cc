#include "knowledge/document/pdf_image.h"

#include <algorithm>
#include <cmath>

namespace strata::knowledge {
namespace {

// fpdf_edit.h: FPDF_PAGEOBJ_IMAGE, _FORM; fpdfview.h: FPDFBitmap_Gray, FPDF_ANNOT, FPDF_GRAYSCALE, FPDF_PRINTING.
constexpr int kImageObject = 3, kFormObject = 5;
constexpr int kGray = 1, kAnnotations = 0x01, kGrayscale = 0x08, kPrinting = 0x800;
constexpr int kMaxObjects = 5000;
constexpr float kDpi = 300;
// A3 at 300 dpi and more: what is drawn of a larger page would be scaled down by nobody who reads it.
constexpr double kMaxPixels = 24e6;
constexpr unsigned long kWhite = 0xFFFFFFFF;

}  // namespace

double PictureShare(const Pdfium& pdfium, Pdfium::Page page) {
  Pdfium::Rectangle frame{};
  pdfium.FPDF_GetPageBoundingBox(page, &frame);
  // Scanners cut pages into stripes: what counts is all of them together.
  double covered = 0;
  const int count = std::min(pdfium.FPDFPage_CountObjects(page), kMaxObjects);
  for (int i = 0; i < count; ++i) {
    const Pdfium::Object object = pdfium.FPDFPage_GetObject(page, i);
    const int type = pdfium.FPDFPageObj_GetType(object);
    Pdfium::Rectangle box{};
    if ((type != kImageObject && type != kFormObject) ||
        pdfium.FPDFPageObj_GetBounds(object, &box.left, &box.bottom, &box.right, &box.top) == 0) {
      continue;
    }
    const double width = std::min(box.right, frame.right) - std::max(box.left, frame.left);
    const double height = std::min(box.top, frame.top) - std::max(box.bottom, frame.bottom);
    if (width > 0 && height > 0) covered += width * height;
  }
  const double area = static_cast<double>(frame.right - frame.left) * (frame.top - frame.bottom);
  return area > 0 ? covered / area : 0;
}

std::optional<GrayImage> DrawPage(const Pdfium& pdfium, Pdfium::Page page, std::size_t max_bytes) {
  const float width = pdfium.FPDF_GetPageWidthF(page), height = pdfium.FPDF_GetPageHeightF(page);
  const double inches = static_cast<double>(width) * height / (kPointsPerInch * kPointsPerInch);
  if (!(width > 0 && height > 0) || !std::isfinite(inches)) return std::nullopt;
  GrayImage image;
  const double pixels = std::min(kMaxPixels, static_cast<double>(max_bytes) / static_cast<double>(kBytesPerPixel));
  image.dpi = std::min(kDpi, static_cast<float>(std::sqrt(pixels / inches)));
  image.width = static_cast<int>(width * image.dpi / kPointsPerInch);
  image.height = static_cast<int>(height * image.dpi / kPointsPerInch);
  if (image.width < 1 || image.height < 1) return std::nullopt;
  image.pixels.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
  const Pdfium::Bitmap bitmap =
      pdfium.FPDFBitmap_CreateEx(image.width, image.height, kGray, image.pixels.data(), image.width);
  if (bitmap == nullptr) return std::nullopt;
  pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, image.width, image.height, kWhite);
  pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, image.width, image.height, 0, kAnnotations | kGrayscale | kPrinting);
  pdfium.FPDFBitmap_Destroy(bitmap);
  return image;
}

}  // namespace strata::knowledge
