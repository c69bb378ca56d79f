#include "knowledge/document/image.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <leptonica/allheaders.h>

#include "knowledge/document/pix_pointer.h"

namespace strata::knowledge {
namespace {

// What scanners and cameras write; others mean that nobody thought of it. 72 and 96 are defaults of programs, which
// say nothing either.
constexpr int kLeastDpi = 100, kMostDpi = 2400;
// A picture whose longer side has less pixels than this is a part of a screen, where text has some 100 pixels an inch;
// a page at 150 dpi and more is longer.
constexpr int kScreenSide = 1600;
constexpr float kScreenDpi = 100, kPageDpi = 300;

const l_uint8* BytesOf(std::string_view file) { return reinterpret_cast<const l_uint8*>(file.data()); }

int FormatOf(std::string_view file) {
  // findFileFormatBuffer looks at twelve bytes, at most, without asking whether they are there.
  int format = IFF_UNKNOWN;
  if (file.size() < 12 || findFileFormatBuffer(BytesOf(file), &format) != 0) return IFF_UNKNOWN;
  return format;
}

struct Header {
  int width = 0, height = 0;
};

Result<Header> ReadHeader(std::string_view file, int format, int page) {
  Header header;
  const bool failed = format == IFF_TIFF
                          ? readHeaderMemTiff(BytesOf(file), file.size(), page, &header.width, &header.height, nullptr,
                                              nullptr, nullptr, nullptr, nullptr) != 0
                          : pixReadHeaderMem(BytesOf(file), file.size(), nullptr, &header.width, &header.height,
                                             nullptr, nullptr, nullptr) != 0;
  if (failed || header.width <= 0 || header.height <= 0) {
    return Fail(ErrorCode::kCorrupt, "a damaged picture: its header cannot be read");
  }
  return header;
}

PixPointer ToGray(PixPointer pix) {
  if (pixGetSpp(pix.get()) == 4) pix.reset(pixAlphaBlendUniform(pix.get(), 0xFFFFFF00));
  return pix == nullptr ? nullptr : PixPointer(pixConvertTo8(pix.get(), 0));
}

float ResolutionOf(const PIX* pix) {
  const int told = pixGetXRes(pix);
  if (told >= kLeastDpi && told <= kMostDpi) return static_cast<float>(told);
  return std::max(pixGetWidth(pix), pixGetHeight(pix)) < kScreenSide ? kScreenDpi : kPageDpi;
}

}  // namespace

std::string_view ImageMediaType(std::string_view file) {
  switch (FormatOf(file)) {
    case IFF_TIFF:
      return "image/tiff";
    case IFF_PNG:
      return "image/png";
    case IFF_JFIF_JPEG:
      return "image/jpeg";
    case IFF_BMP:
      return "image/bmp";
    case IFF_WEBP:
      return "image/webp";
    default:
      return {};
  }
}

int CountImagePages(std::string_view file) {
  if (FormatOf(file) != IFF_TIFF) return 1;
  // Leptonica counts in a stream; fmemopen's reads nothing but this memory.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(
      ::fmemopen(const_cast<char*>(file.data()), file.size(), "rb"), &std::fclose);
  int pages = 0;
  return stream != nullptr && tiffGetCount(stream.get(), &pages) == 0 ? std::max(pages, 1) : 1;
}

Result<GrayImage> DecodeImage(std::string_view file, int page, std::size_t max_bytes) {
  setMsgSeverity(L_SEVERITY_NONE);
  const int format = FormatOf(file);
  if (ImageMediaType(file).empty()) return Fail(ErrorCode::kUnsupported, "a kind of picture that strata cannot read");
  STRATA_TRY(const Header header, ReadHeader(file, format, page));
  if (static_cast<std::size_t>(header.width) * static_cast<std::size_t>(header.height) > max_bytes / kBytesPerPixel) {
    return Fail(ErrorCode::kResourceExhausted, "a picture of {} x {} pixels (limit image_bytes, {} MB)", header.width,
                header.height, max_bytes >> 20);
  }
  PixPointer pix(format == IFF_TIFF ? pixReadMemTiff(BytesOf(file), file.size(), page)
                                    : pixReadMem(BytesOf(file), file.size()));
  if (pix == nullptr) return Fail(ErrorCode::kCorrupt, "a damaged picture: it cannot be decoded");
  const float dpi = ResolutionOf(pix.get());
  pix = ToGray(std::move(pix));
  if (pix == nullptr) return Fail(ErrorCode::kResourceExhausted, "a picture needs more memory than it may have");
  GrayImage image{.width = pixGetWidth(pix.get()), .height = pixGetHeight(pix.get()), .dpi = dpi};
  image.pixels.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
  // Bytes stand in words of the machine's order.
  const l_uint32* const words = pixGetData(pix.get());
  for (int y = 0; y < image.height; ++y) {
    const l_uint32* const row = words + static_cast<std::ptrdiff_t>(y) * pixGetWpl(pix.get());
    std::uint8_t* const out = image.pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width);
    for (int x = 0; x < image.width; ++x) out[x] = static_cast<std::uint8_t>(row[x / 4] >> (24 - 8 * (x % 4)));
  }
  return image;
}

}  // namespace strata::knowledge
