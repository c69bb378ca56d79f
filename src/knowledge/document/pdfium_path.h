#pragma once

#include <string>

namespace strata::knowledge {

/// Where PDFium's library is, or belongs: STRATA_PDFIUM where that is set, else pdfium/VERSION/libpdfium.so in the
/// user's cache of strata. scripts/fetch_pdfium.sh puts it there.
std::string PdfiumPath();

}  // namespace strata::knowledge
