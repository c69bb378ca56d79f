#include "knowledge/document/tessdata_path.h"

#include <array>
#include <cstdlib>

#include <unistd.h>

namespace strata::knowledge {
namespace {

// Of Debian and Ubuntu; of Fedora and Arch; of openSUSE.
constexpr std::array kFolders = {"/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract/tessdata",
                                 "/usr/share/tessdata"};

}  // namespace

std::string TessdataPath() {
  if (const char* path = std::getenv("TESSDATA_PREFIX")) return path;
  for (const char* folder : kFolders) {
    if (::access(folder, R_OK) == 0) return folder;
  }
  return kFolders.front();
}

std::string OcrLanguages() {
  const char* languages = std::getenv("STRATA_OCR_LANGUAGES");
  return languages == nullptr ? "" : languages;
}

}  // namespace strata::knowledge
