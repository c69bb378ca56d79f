// Text in pictures. Tesseract and Leptonica are in a module of their own, strata-ocr.so: they bring fifty libraries
// with them, which is more time than most files need to be read, so it is loaded for files that can hold pictures only.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/document/image.h"
#include "knowledge/document/pdf_layout.h"

namespace strata::knowledge {

struct OcrPage {
  /// In Tesseract's order, boxes in points, on the picture as it was turned; without words of low confidence.
  std::vector<PdfWord> words;
  int turns = 0;            ///< clockwise, quarters, after which the text stood upright
  float confidence = 0;     ///< 0 to 100, of all words that were seen, by their letters
  std::size_t dropped = 0;  ///< words that were too uncertain
};

/// One at a time, in one thread.
class Ocr {
 public:
  virtual ~Ocr() = default;
  virtual std::string_view MediaType(std::string_view file) = 0;
  virtual int CountPages(std::string_view file) = 0;
  virtual Result<GrayImage> Decode(std::string_view file, int page, std::size_t max_bytes) = 0;
  /// Errors: kNotFound, naming language data that is not there; kResourceExhausted past `time`.
  virtual Result<OcrPage> Recognize(const GrayImage& image, std::chrono::milliseconds time) = 0;
};

/// Loads the module and maps the language data (tessdata_path.h) once. It opens files, so it must be called before a
/// sandbox is entered; data that is not there is Recognize's error. Errors: kNotFound, kUnsupported.
Result<Ocr*> LoadOcr();

/// What the module exports: `folder` and `languages` as of tessdata_path.h.
extern "C" Ocr* StrataMakeOcr(const char* folder, const char* languages);

}  // namespace strata::knowledge
