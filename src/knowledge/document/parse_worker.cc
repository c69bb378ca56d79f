// The program that reads one file for ParseInChild:
//   strata-parse MEMORY_BYTES SECONDS TEXT_BYTES INFLATED_BYTES ENTRIES DEPTH PAGES IMAGE_BYTES RECOGNITION_SECONDS
//                SANDBOX NAME
// The file is descriptor 0; to descriptor 1 go kPageRead for each page whose text was recognised and then the answer
// (both wire.h). SANDBOX: "filter", or "limits" where seccomp is
// not to be had. Exits with 0 when an answer was written, with 3 when the filter was refused.
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <span>
#include <string_view>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "knowledge/document/embedded_pictures.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/ocr.h"
#include "knowledge/document/pdfium.h"
#include "knowledge/document/sandbox.h"
#include "knowledge/document/wire.h"

namespace strata::knowledge {
namespace {

constexpr int kBadUse = 2, kNoFilter = 3, kNoAnswer = 4;

template <class Number>
bool ReadNumber(const char* text, Number& value) {
  const std::string_view view(text);
  return std::from_chars(view.data(), view.data() + view.size(), value).ec == std::errc();
}

bool WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// What files of the format need that must be opened before the sandbox is entered. Where it is not there, ParseFile
/// says so.
void LoadWhatMayBeNeeded(FileFormat format, std::string_view file) {
  const bool holds_any = format == FileFormat::kArchive || format == FileFormat::kEml;
  const bool pages = holds_any || format == FileFormat::kPdf;
  if (pages) [[maybe_unused]]
    const auto pdfium = LoadPdfium();
  if (pages || format == FileFormat::kPicture || MayHoldPictures(format, file)) [[maybe_unused]]
    const auto ocr = LoadOcr();
}

int Run(std::span<char*> arguments) {
  ParseLimits limits;
  std::int64_t seconds = 0, recognition_seconds = 0;
  if (arguments.size() != 12 || !ReadNumber(arguments[1], limits.memory_bytes) || !ReadNumber(arguments[2], seconds) ||
      !ReadNumber(arguments[3], limits.text_bytes) || !ReadNumber(arguments[4], limits.inflated_bytes) ||
      !ReadNumber(arguments[5], limits.entries) || !ReadNumber(arguments[6], limits.depth) ||
      !ReadNumber(arguments[7], limits.pages) || !ReadNumber(arguments[8], limits.image_bytes) ||
      !ReadNumber(arguments[9], recognition_seconds)) {
    return kBadUse;
  }
  limits.time = std::chrono::seconds(seconds);
  limits.recognition_time = std::chrono::seconds(recognition_seconds);
  const std::string_view sandbox = arguments[10], name = arguments[11];
  struct stat about{};
  if (::fstat(STDIN_FILENO, &about) != 0) return kBadUse;
  const auto size = static_cast<std::size_t>(about.st_size);
  void* map = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
  if (map == MAP_FAILED) return kBadUse;
  const std::string_view bytes(static_cast<const char*>(map), size);
  LoadWhatMayBeNeeded(DetectFormat(bytes, name).format, bytes);
  if (!LimitResources(limits)) return kBadUse;
  if (sandbox == "filter" && !EnterSandbox()) return kNoFilter;
  const std::span<const std::byte> file(static_cast<const std::byte*>(map), size);
  const auto on_page = [] { static_cast<void>(WriteAll({&kPageRead, 1})); };
  return WriteAll(EncodeParseResult(ParseFile(file, name, limits, on_page))) ? 0 : kNoAnswer;
}

}  // namespace
}  // namespace strata::knowledge

int main(int argc, char** argv) {
  // Nothing that a parser registered to be done at exit matters any more.
  std::_Exit(strata::knowledge::Run({argv, static_cast<std::size_t>(argc)}));
}
