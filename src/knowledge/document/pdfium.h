// PDFium (BSD-3-Clause and Apache-2.0), loaded at run time: its C interface as far as it is used here, declared from
// its public documentation. scripts/fetch_pdfium.sh puts the library where PdfiumPath looks.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace strata::knowledge {

struct Pdfium {
  using Document = void*;
  using Page = void*;
  using TextPage = void*;
  using Object = void*;
  using Bitmap = void*;
  struct Rectangle {
    float left, top, right, bottom;
  };

  void (*FPDF_InitLibrary)();
  Document (*FPDF_LoadMemDocument64)(const void* data, std::size_t size, const char* password);
  unsigned long (*FPDF_GetLastError)();
  void (*FPDF_CloseDocument)(Document);
  int (*FPDF_GetPageCount)(Document);
  unsigned long (*FPDF_GetMetaText)(Document, const char* tag, void* buffer, unsigned long bytes);
  Page (*FPDF_LoadPage)(Document, int index);
  void (*FPDF_ClosePage)(Page);
  int (*FPDF_GetPageBoundingBox)(Page, Rectangle* box);
  int (*FPDFPage_GetRotation)(Page);
  float (*FPDF_GetPageWidthF)(Page);
  float (*FPDF_GetPageHeightF)(Page);
  Bitmap (*FPDFBitmap_CreateEx)(int width, int height, int format, void* pixels, int stride);
  int (*FPDFBitmap_FillRect)(Bitmap, int left, int top, int width, int height, unsigned long color);
  void (*FPDFBitmap_Destroy)(Bitmap);
  void (*FPDF_RenderPageBitmap)(Bitmap, Page, int left, int top, int width, int height, int rotate, int flags);
  int (*FPDFPage_CountObjects)(Page);
  Object (*FPDFPage_GetObject)(Page, int index);
  int (*FPDFPageObj_GetType)(Object);
  int (*FPDFPageObj_GetBounds)(Object, float* left, float* bottom, float* right, float* top);
  TextPage (*FPDFText_LoadPage)(Page);
  void (*FPDFText_ClosePage)(TextPage);
  int (*FPDFText_CountChars)(TextPage);
  unsigned (*FPDFText_GetUnicode)(TextPage, int index);
  int (*FPDFText_IsGenerated)(TextPage, int index);
  int (*FPDFText_IsHyphen)(TextPage, int index);
  double (*FPDFText_GetFontSize)(TextPage, int index);
  float (*FPDFText_GetCharAngle)(TextPage, int index);
  int (*FPDFText_GetLooseCharBox)(TextPage, int index, Rectangle* box);
  int (*FPDFText_GetFillColor)(TextPage, int index, unsigned* r, unsigned* g, unsigned* b, unsigned* a);
  Object (*FPDFText_GetTextObject)(TextPage, int index);
  int (*FPDFTextObj_GetTextRenderMode)(Object);
};

/// Loads the library once. It opens files, so it must be called before a sandbox is entered. Errors: kNotFound, which
/// says what to run; kUnsupported for a library that lacks a function.
Result<const Pdfium*> LoadPdfium();

}  // namespace strata::knowledge
