// Where Tesseract's language data is, for the process that parses and for the one that starts it.
#pragma once

#include <string>

namespace strata::knowledge {

/// Its folder: TESSDATA_PREFIX where set, else where packages put it.
std::string TessdataPath();

/// "eng+chi_sim": STRATA_OCR_LANGUAGES where set; empty: all whose data is in the folder.
std::string OcrLanguages();

}  // namespace strata::knowledge
