// Any bytes as a safetensors file: an Error or a file whose tensors may be read, never a crash.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = strata::SafetensorsFile::Parse(std::as_bytes(std::span(data, size)), "fuzz.safetensors");
  if (!file) return 0;
  std::size_t covered = 0;
  for (const strata::SafetensorsTensor& tensor : file->tensors()) {
    covered += tensor.data.size();
    if (const auto view = file->View(tensor)) {
      const auto elements = static_cast<std::size_t>(view->shape.elements());
      if (strata::BytesOf(view->dtype, elements) != view->data.size()) std::abort();
    }
    if (file->Find(tensor.name) != &tensor) std::abort();
  }
  if (file->header_bytes() + covered != size) std::abort();
  return 0;
}
