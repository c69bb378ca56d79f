// Any index of any shards: errors or weights whose tensors are found where the index says, never a crash. The input is
// the index's text, a zero byte, and the bytes that every shard has.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "formats/hf_weights.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  if (zero == std::string_view::npos) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(zero + 1);
  const auto weights =
      strata::HuggingFaceWeights::OfShards(input.substr(0, zero), "index.json", [&](const std::string& shard) {
        if (shard.find('/') != std::string::npos || shard == "..") std::abort();
        return strata::SafetensorsFile::Parse(bytes, shard);
      });
  if (!weights) return 0;
  for (const strata::SafetensorsFile& file : weights->files()) {
    for (const strata::SafetensorsTensor& tensor : file.tensors()) {
      if (weights->Find(tensor.name).tensor != &tensor) std::abort();
    }
  }
  return 0;
}
