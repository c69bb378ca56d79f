// Files of pictures to grey pixels, by Leptonica (BSD-2-Clause).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::knowledge {

constexpr float kPointsPerInch = 72;
/// What a pixel costs while a picture is decoded, whatever its file says of colours.
constexpr std::size_t kBytesPerPixel = 4;

/// Rows from the top, one byte a pixel, white is 255.
struct GrayImage {
  int width = 0, height = 0;
  float dpi = 0;  ///< pixels an inch
  std::vector<std::uint8_t> pixels = {};
};

/// "image/png" for what DecodeImage reads (PNG, JPEG, TIFF, BMP, WebP), by content; empty for other files.
std::string_view ImageMediaType(std::string_view file);

/// The pages of a TIFF file, 1 for other pictures; of pages that point back to earlier ones each counts once.
int CountImagePages(std::string_view file);

/// A page, from 0. Transparent parts are white; where the file tells no resolution that can be true, the one at which
/// its text is likely to have been drawn. The size that the header declares is checked before anything is decoded.
/// Errors: kResourceExhausted for more than `max_bytes` of pixels (kBytesPerPixel each), kUnsupported, kCorrupt.
Result<GrayImage> DecodeImage(std::string_view file, int page, std::size_t max_bytes);

}  // namespace strata::knowledge
