#include "knowledge/document/embedded_pictures.h"

#include <algorithm>
#include <array>
#include <utility>

#include "knowledge/document/archive.h"
#include "knowledge/document/pdf_layout.h"

namespace strata::knowledge {
namespace {

// As programs write them: in lower or in upper case.
constexpr auto kEndings = std::to_array<std::string_view>({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp",
                                                           ".PNG", ".JPG", ".JPEG", ".TIF", ".TIFF", ".BMP", ".WEBP"});
constexpr std::string_view kDataUri = "data:image/";
// A line of small letters is about as high; bullets, rules and icons are smaller, or as small both ways.
constexpr int kLeastSide = 16, kLeastArea = 4000;

}  // namespace

bool IsPicturePart(std::string_view path) {
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return path.ends_with(ending); });
}

bool MayHoldPictures(FileFormat format, std::string_view file) {
  switch (format) {
    case FileFormat::kHtml:  // what it names is elsewhere
      return file.contains(kDataUri);
    case FileFormat::kDocx:
    case FileFormat::kPptx:
    case FileFormat::kEpub:  // the names in a zip file's directory are not compressed
      return std::ranges::any_of(kEndings, [&](std::string_view ending) { return file.contains(ending); });
    default:
      return false;
  }
}

void EmbeddedPictures::Add(std::string_view name, std::string_view bytes, const DocumentBuilder::Details& details) {
  if (!wanted_ || !seen_.emplace(name).second) return;
  if (bytes.empty()) {
    return builder_.Warn(
        fmt::format("{}: left out, the file's pictures have more than {} MB together", name, kMostKeptBytes >> 20));
  }
  const auto number = static_cast<int>(seen_.size());
  if (!recognized_.Want(number)) return;
  const Result<GrayImage> image = LoadOcr().value()->Decode(bytes, 0, builder_.budget().limits().image_bytes);
  if (!image) return builder_.Warn(fmt::format("{}: {}", name, image.error().ToString()));
  if (std::min(image->width, image->height) < kLeastSide || image->width * image->height < kLeastArea) return;
  for (const PdfRegion& region : ReadingOrder(MakeFragments(recognized_.Recognize(number, *image).words))) {
    for (const PdfBlock& block : MakeBlocks(region)) {
      if (block.rows.empty()) {
        builder_.Add(BlockKind::kParagraph, block.text, details);
      } else {
        builder_.AddTable(block.rows, /*header_row=*/false, details);
      }
    }
  }
}

}  // namespace strata::knowledge
