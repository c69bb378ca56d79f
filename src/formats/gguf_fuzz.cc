// Any bytes as a GGUF file: an Error or a model whose tensors may be read, never a crash.
#include <cstdint>
#include <span>

#include "formats/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = strata::GgufFile::Parse(std::as_bytes(std::span(data, size)), "fuzz.gguf");
  if (!file) return 0;
  const auto model = strata::MakeGgufModel(std::move(*file));
  if (!model) return 0;
  unsigned sum = 0;
  for (const auto& tensor : (*model)->tensors()) {
    if (!tensor.view.data.empty()) sum += static_cast<unsigned>(tensor.view.data.back());
  }
  if (const auto tokenizer = (*model)->LoadTokenizer())
    sum += static_cast<unsigned>((*tokenizer)->Encode("a b").size());
  if (sum == 1) sum += static_cast<unsigned>((*model)->ContentKey().size());
  return 0;
}
