#include "knowledge/document/ocr.h"

#include "base/module.h"
#include "knowledge/document/tessdata_path.h"

namespace strata::knowledge {
namespace {

Result<Ocr*> Load() {
  STRATA_TRY(void* const function, ModuleFunction("strata-ocr", "StrataMakeOcr"));
  // For as long as the process lives.
  return reinterpret_cast<decltype(&StrataMakeOcr)>(function)(TessdataPath().c_str(), OcrLanguages().c_str());
}

}  // namespace

Result<Ocr*> LoadOcr() {
  static const Result<Ocr*> loaded = Load();
  return loaded;
}

}  // namespace strata::knowledge
