#include "knowledge/document/pdfium.h"

#include <dlfcn.h>
#include <unistd.h>

#include "knowledge/document/pdfium_path.h"

namespace strata::knowledge {
namespace {

Result<Pdfium> Load() {
  const std::string path = PdfiumPath();
  if (::access(path.c_str(), R_OK) != 0) {
    return Fail(ErrorCode::kNotFound, "PDF needs PDFium, which is not at {}: run scripts/fetch_pdfium.sh", path);
  }
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Fail(ErrorCode::kUnsupported, "cannot load PDFium: {}", ::dlerror());
  Pdfium pdfium{};
  const char* missing = nullptr;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) missing = name;
  };
#define STRATA_PDFIUM_FUNCTION(name) find(pdfium.name, #name)
  STRATA_PDFIUM_FUNCTION(FPDF_InitLibrary);
  STRATA_PDFIUM_FUNCTION(FPDF_LoadMemDocument64);
  STRATA_PDFIUM_FUNCTION(FPDF_GetLastError);
  STRATA_PDFIUM_FUNCTION(FPDF_CloseDocument);
  STRATA_PDFIUM_FUNCTION(FPDF_GetPageCount);
  STRATA_PDFIUM_FUNCTION(FPDF_GetMetaText);
  STRATA_PDFIUM_FUNCTION(FPDF_LoadPage);
  STRATA_PDFIUM_FUNCTION(FPDF_ClosePage);
  STRATA_PDFIUM_FUNCTION(FPDF_GetPageBoundingBox);
  STRATA_PDFIUM_FUNCTION(FPDFPage_GetRotation);
  STRATA_PDFIUM_FUNCTION(FPDF_GetPageWidthF);
  STRATA_PDFIUM_FUNCTION(FPDF_GetPageHeightF);
  STRATA_PDFIUM_FUNCTION(FPDFBitmap_CreateEx);
  STRATA_PDFIUM_FUNCTION(FPDFBitmap_FillRect);
  STRATA_PDFIUM_FUNCTION(FPDFBitmap_Destroy);
  STRATA_PDFIUM_FUNCTION(FPDF_RenderPageBitmap);
  STRATA_PDFIUM_FUNCTION(FPDFPage_CountObjects);
  STRATA_PDFIUM_FUNCTION(FPDFPage_GetObject);
  STRATA_PDFIUM_FUNCTION(FPDFPageObj_GetType);
  STRATA_PDFIUM_FUNCTION(FPDFPageObj_GetBounds);
  STRATA_PDFIUM_FUNCTION(FPDFText_LoadPage);
  STRATA_PDFIUM_FUNCTION(FPDFText_ClosePage);
  STRATA_PDFIUM_FUNCTION(FPDFText_CountChars);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetUnicode);
  STRATA_PDFIUM_FUNCTION(FPDFText_IsGenerated);
  STRATA_PDFIUM_FUNCTION(FPDFText_IsHyphen);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetFontSize);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetCharAngle);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetLooseCharBox);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetFillColor);
  STRATA_PDFIUM_FUNCTION(FPDFText_GetTextObject);
  STRATA_PDFIUM_FUNCTION(FPDFTextObj_GetTextRenderMode);
#undef STRATA_PDFIUM_FUNCTION
  if (missing != nullptr) return Fail(ErrorCode::kUnsupported, "{} has no function {}", path, missing);
  pdfium.FPDF_InitLibrary();
  return pdfium;
}

}  // namespace

Result<const Pdfium*> LoadPdfium() {
  static const Result<Pdfium> loaded = Load();
  if (!loaded) return std::unexpected(loaded.error());
  return &*loaded;
}

}  // namespace strata::knowledge
