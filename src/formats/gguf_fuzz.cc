// Any bytes as a GGUF file: an Error or a file whose tensors may be read, never a crash.
#include <cstdint>
#include <cstdio>
#include <string>

#include <unistd.h>

#include "formats/model_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path = "/tmp/strata-gguf-fuzz-" + std::to_string(::getpid()) + ".gguf";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return 0;
  std::fwrite(data, 1, size, file);
  std::fclose(file);
  if (const auto model = strata::ModelFile::Open(path)) {
    unsigned sum = 0;
    for (const auto& tensor : (*model)->tensors()) {
      if (!tensor.view.data.empty()) sum += static_cast<unsigned>(tensor.view.data.back());
    }
    if (const auto tokenizer = (*model)->LoadTokenizer())
      sum += static_cast<unsigned>((*tokenizer)->Encode("a b").size());
    if (sum == 1) sum += static_cast<unsigned>((*model)->ContentKey().size());
  }
  return 0;
}
