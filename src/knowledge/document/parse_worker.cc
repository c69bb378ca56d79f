// The program that reads one file for ParseInChild:
//   strata-parse MEMORY_BYTES SECONDS TEXT_BYTES INFLATED_BYTES ENTRIES DEPTH PAGES SANDBOX NAME
// The file is descriptor 0, the answer (wire.h) goes to descriptor 1. SANDBOX: "filter", or "limits" where seccomp is
// not to be had. Exits with 0 when an answer was written, with 3 when the filter was refused.
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <span>
#include <string_view>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "knowledge/document/formats.h"
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

bool MayHoldPdf(FileFormat format) {
  return format == FileFormat::kPdf || format == FileFormat::kArchive || format == FileFormat::kEml;
}

int Run(std::span<char*> arguments) {
  ParseLimits limits;
  std::int64_t seconds = 0;
  if (arguments.size() != 10 || !ReadNumber(arguments[1], limits.memory_bytes) || !ReadNumber(arguments[2], seconds) ||
      !ReadNumber(arguments[3], limits.text_bytes) || !ReadNumber(arguments[4], limits.inflated_bytes) ||
      !ReadNumber(arguments[5], limits.entries) || !ReadNumber(arguments[6], limits.depth) ||
      !ReadNumber(arguments[7], limits.pages)) {
    return kBadUse;
  }
  limits.time = std::chrono::seconds(seconds);
  struct stat about{};
  if (::fstat(STDIN_FILENO, &about) != 0) return kBadUse;
  const auto size = static_cast<std::size_t>(about.st_size);
  void* map = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
  if (map == MAP_FAILED) return kBadUse;
  // PDFium's file can be opened only now. Where it is not there, ParseFile says so.
  const std::string_view bytes(static_cast<const char*>(map), size);
  if (MayHoldPdf(DetectFormat(bytes, arguments[9]).format)) [[maybe_unused]]
    const auto loaded = LoadPdfium();
  if (!LimitResources(limits)) return kBadUse;
  if (std::string_view(arguments[8]) == "filter" && !EnterSandbox()) return kNoFilter;
  const std::span<const std::byte> file(static_cast<const std::byte*>(map), size);
  return WriteAll(EncodeParseResult(ParseFile(file, arguments[9], limits))) ? 0 : kNoAnswer;
}

}  // namespace
}  // namespace strata::knowledge

int main(int argc, char** argv) {
  // Nothing that a parser registered to be done at exit matters any more.
  std::_Exit(strata::knowledge::Run({argv, static_cast<std::size_t>(argc)}));
}
