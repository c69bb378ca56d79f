// The pages of one document that are pictures, or its pictures: their text, and what the user is told about them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "knowledge/document/builder.h"
#include "knowledge/document/ocr.h"

namespace strata::knowledge {

struct RecognizedPage {
  std::vector<PdfWord> words;
  PageView view;
};

class RecognizedPages {
 public:
  enum class Of : std::uint8_t {
    kPages,
    kPictures  ///< inside text: that one has none of its own is as it should be, and nothing to be told
  };

  explicit RecognizedPages(DocumentBuilder& builder, Of of = Of::kPages) : builder_(builder), of_(of) {}

  /// Whether a page need be drawn or decoded: what recognises is there, and time for it (limit recognition_time).
  /// Where not, the page is noted.
  bool Want(int page);
  /// The words of a page, from 1. None where there are none or too uncertain ones, which is noted.
  RecognizedPage Recognize(int page, const GrayImage& image);

  /// Metadata of the document ("ocr", "ocr_pages" or "ocr_pictures", how many, and "ocr_confidence") and warnings.
  /// Errors: what kept all pages from being recognised, where the document has no other text.
  Status Finish(bool has_other_text);

 private:
  DocumentBuilder& builder_;
  Of of_;
  std::vector<int> read_, empty_, uncertain_, slow_, late_, failed_;
  double confidence_ = 0;  // summed over read_
  std::optional<Error> error_;
};

}  // namespace strata::knowledge
