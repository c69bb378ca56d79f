// Any bytes as a picture: grey pixels of the size that was said, or an Error; never a crash. Text is not recognised:
// that takes a second.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "knowledge/document/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata::knowledge;
  constexpr int kMostPages = 3;
  constexpr std::size_t kMaxBytes = 1 << 20;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const int pages = CountImagePages(file);
  for (int page = 0; page < std::min(pages, kMostPages); ++page) {
    const auto image = DecodeImage(file, page, kMaxBytes);
    if (!image) continue;
    const auto pixels = static_cast<std::size_t>(image->width) * static_cast<std::size_t>(image->height);
    if (pixels == 0 || pixels != image->pixels.size() || pixels > kMaxBytes / kBytesPerPixel || !(image->dpi > 0)) {
      std::abort();
    }
  }
  return 0;
}
