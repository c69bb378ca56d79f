// Any config and any safetensors file as a quantised checkpoint: errors or weights whose rows can be read, never a
// crash. The input is config.json's text, a zero byte, and the file.
#include <cstdint>
#include <span>
#include <string_view>

#include "formats/hf_quant.h"
#include "tensor/convert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kMaxElements = 1 << 20;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  if (zero == std::string_view::npos) return 0;
  const auto document = strata::ParseJsonFile(input.substr(0, zero), "config.json");
  if (!document) return 0;
  const auto config = strata::ReadHfQuantConfig(strata::JsonFields(*document, "config.json"));
  auto file =
      strata::SafetensorsFile::Parse(std::as_bytes(std::span(data, size)).subspan(zero + 1), "fuzz.safetensors");
  if (!config || !*config || !file) return 0;
  const strata::HuggingFaceWeights weights(std::move(*file));
  const strata::HfQuantReader reader(**config, weights);
  for (const strata::SafetensorsTensor& tensor : weights.files().front().tensors()) {
    const auto part = reader.PartOf(tensor);
    if (!part || !part->main) continue;
    std::unique_ptr<strata::RowSource> source;
    const auto view = reader.Read(weights.files().front(), tensor, source);
    if (!view || view->shape.elements() > kMaxElements) continue;
    if (!strata::DequantizeTensor(*view)) return -1;
  }
  return 0;
}
