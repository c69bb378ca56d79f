// Pictures of text: PNG, JPEG, TIFF (several pages), BMP, WebP.
#include <algorithm>

#include "knowledge/document/paged_text.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/recognized_pages.h"

namespace strata::knowledge {

Status ParsePicture(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(Ocr* const ocr, LoadOcr());
  const std::string media_type(ocr->MediaType(input.bytes));
  if (media_type.empty()) return Fail(ErrorCode::kUnsupported, "a kind of picture that strata cannot read");
  DocumentBuilder builder(budget, media_type);
  RecognizedPages recognized(builder);
  PagedText text;
  const int pages = ocr->CountPages(input.bytes);
  if (pages > budget.limits().pages) {
    return Fail(ErrorCode::kResourceExhausted, "{} pages (limit pages: {})", pages, budget.limits().pages);
  }
  for (int page = 0; page < pages; ++page) {
    STRATA_CHECK(budget.TakePage());
    if (!recognized.Want(page + 1)) continue;
    Result<GrayImage> image = ocr->Decode(input.bytes, page, budget.limits().image_bytes);
    if (!image && pages == 1) return std::unexpected(image.error());
    if (!image) {
      builder.Warn(fmt::format("page {}: {}", page + 1, image.error().ToString()));
      continue;
    }
    const auto [words, view] = recognized.Recognize(page + 1, *image);
    text.AddPage(page + 1, view, MakeFragments(words), false);
  }
  text.Write(builder);
  STRATA_CHECK(recognized.Finish(false));
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
