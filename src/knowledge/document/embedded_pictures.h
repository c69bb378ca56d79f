// Pictures inside documents that have text of their own: slides, letters, books, pages.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "knowledge/document/builder.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/recognized_pages.h"

namespace strata::knowledge {

/// Whether a part of a package is a picture that can be read, by its name.
bool IsPicturePart(std::string_view path);
/// Whether a document may hold a picture, told without reading it: as the module that recognises them must be loaded
/// before the sandbox is entered (ocr.h), nothing else may ask for it.
bool MayHoldPictures(FileFormat format, std::string_view file);

class EmbeddedPictures {
 public:
  /// `file`: the whole document.
  EmbeddedPictures(FileFormat format, std::string_view file, DocumentBuilder& builder)
      : wanted_(MayHoldPictures(format, file)),
        builder_(builder),
        recognized_(builder, RecognizedPages::Of::kPictures) {}

  /// Adds the text of the picture `bytes` as blocks at `details`. A name is read once: logos stand on every slide.
  /// Pictures too small for text, and those in which there is none, add nothing; one without bytes was too large to be
  /// kept (ReadPackage).
  void Add(std::string_view name, std::string_view bytes, const DocumentBuilder::Details& details);
  /// Metadata ("ocr", "ocr_pictures", "ocr_confidence") and warnings. Errors: as RecognizedPages.
  Status Finish() { return recognized_.Finish(!builder_.empty()); }

 private:
  bool wanted_;
  DocumentBuilder& builder_;
  RecognizedPages recognized_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace strata::knowledge
