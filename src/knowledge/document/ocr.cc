#include "knowledge/document/ocr.h"

#include <filesystem>

#include <dlfcn.h>
#include <unistd.h>

#include "knowledge/document/tessdata_path.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

Result<Ocr*> Load() {
  // Beside this program, where it is installed, or where the build left it.
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path path = self.parent_path() / "strata-ocr.so";
  if (::access(path.c_str(), R_OK) != 0) path = STRATA_OCR_BUILT;
  if (::access(path.c_str(), R_OK) != 0) {
    return Fail(ErrorCode::kNotFound, "the module strata-ocr.so, which reads pictures, is not beside {}",
                self.string());
  }
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) return Fail(ErrorCode::kUnsupported, "cannot load what reads pictures: {}", ::dlerror());
  const auto make = reinterpret_cast<decltype(&StrataMakeOcr)>(::dlsym(module, "StrataMakeOcr"));
  if (make == nullptr) return Fail(ErrorCode::kUnsupported, "{} is no module of strata", path.string());
  // For as long as the process lives.
  return make(TessdataPath().c_str(), OcrLanguages().c_str());
}

}  // namespace

Result<Ocr*> LoadOcr() {
  static const Result<Ocr*> loaded = Load();
  return loaded;
}

}  // namespace strata::knowledge
