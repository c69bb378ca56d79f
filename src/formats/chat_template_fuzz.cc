// Any bytes as a chat template: an Error or a text within the limits.
#include <cstdint>
#include <cstdlib>

#include "formats/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = strata::ChatTemplate::Parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  static const nlohmann::ordered_json variables = {
      {"messages", {{{"role", "user"}, {"content", "Hi"}}, {{"role", "assistant"}, {"content", "Yes?"}}}},
      {"tools", {{{"type", "function"}, {"function", {{"name", "f"}}}}}},
      {"bos_token", "<s>"},
      {"add_generation_prompt", true}};
  constexpr strata::TemplateLimits kLimits{.steps = 20'000, .depth = 100, .output_bytes = 1 << 16};
  const auto text = parsed->Render(variables, 0, kLimits);
  if (text && text->size() > kLimits.output_bytes) std::abort();
  return 0;
}
