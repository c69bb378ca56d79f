// Pages of a PDF as pictures.
#pragma once

#include <optional>

#include "knowledge/document/image.h"
#include "knowledge/document/pdfium.h"

namespace strata::knowledge {

/// The part of a page that pictures, and forms, which can hold them, cover; above 1 where they cover each other.
double PictureShare(const Pdfium& pdfium, Pdfium::Page page);

/// As it is shown, at 300 dpi, or at less where that would be more than `max_bytes`. Nothing where it cannot be drawn.
std::optional<GrayImage> DrawPage(const Pdfium& pdfium, Pdfium::Page page, std::size_t max_bytes);

}  // namespace strata::knowledge
