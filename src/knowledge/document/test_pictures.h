// Pictures of text for tests, drawn here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

enum class PictureFormat { kPng, kJpeg, kTiff, kBmp, kWebp };

/// A white page (A5, at 300 dpi) with `text` in black letters of 10 points.
std::string MakePicture(PictureFormat format, std::string_view text);
/// Such pages in one file.
std::string MakeTiff(const std::vector<std::string>& texts);
/// Grey noise, the same each time.
std::string MakeNoise();

/// A page of a PDF: lines in Helvetica, a picture (JPEG, of MakePicture) that fills it, or both.
struct PdfTestPage {
  std::string text = {}, jpeg = {};
};
std::string MakePdf(const std::vector<PdfTestPage>& pages);

}  // namespace strata::knowledge
