// Any bytes as config.json and generation_config.json: an Error or a config, never a crash.
#include <cstdint>
#include <string_view>

#include "formats/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = strata::ParseHuggingFaceConfig(text, "config.json");
  const auto generation =
      strata::ParseGenerationConfig(text, "generation_config.json", config ? config->config.vocab : 100);
  return config && generation && config->config.layers < 0 ? -1 : 0;
}
