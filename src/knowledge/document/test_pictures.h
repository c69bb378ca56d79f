// Pictures of text for tests, drawn here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

enum class PictureFormat { kPng, kJpeg, kTiff, kBmp, kWebp };

/// A white page (A5, at 300 dpi) with `text` in black letters of 10 points, turned clockwise by so many quarters.
std::string MakePicture(PictureFormat format, std::string_view text, int turns = 0);
/// Such pages in one file.
std::string MakeTiff(const std::vector<std::string>& texts);
/// Grey noise, the same each time.
std::string MakeNoise();

/// A page of a PDF (A5): lines of 12 points in Helvetica, a picture (JPEG, of MakePicture) that fills it, or both. The
/// text is turned clockwise on the page, and the page as it is shown, by so many quarters.
struct PdfTestPage {
  std::string text = {}, jpeg = {};
  int text_turns = 0, page_turns = 0;
};
std::string MakePdf(const std::vector<PdfTestPage>& pages);

}  // namespace strata::knowledge
