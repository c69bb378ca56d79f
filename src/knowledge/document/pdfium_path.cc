#include "knowledge/document/pdfium_path.h"

#include <cstdlib>

#include <fmt/format.h>

namespace strata::knowledge {
namespace {

// As in scripts/fetch_pdfium.sh.
constexpr const char* kVersion = "5.15.2";

}  // namespace

std::string PdfiumPath() {
  if (const char* path = std::getenv("STRATA_PDFIUM")) return path;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      cache != nullptr && *cache != '\0' ? cache : std::string(home == nullptr ? "" : home) + "/.cache";
  return fmt::format("{}/strata/pdfium/{}/libpdfium.so", base, kVersion);
}

}  // namespace strata::knowledge
