#include "serve/tools/custom_input.h"

#include <string>
#include <utility>

namespace strata::serve::tools {

CustomInput::CustomInput(Sink text) : parse_(Read(input_, std::move(text))) { parse_.Start(); }

Parse<> CustomInput::Read(Input& input, Sink text) {
  if (co_await SkipSpace(input) != '{') co_return;
  for (;;) {
    input.Take();
    if (co_await SkipSpace(input) != '"') co_return;
    std::string key;
    if (!co_await ReadJsonString(input, [&](std::string_view piece) { key += piece; })) co_return;
    if (co_await SkipSpace(input) != ':') co_return;
    input.Take();
    if (co_await SkipSpace(input) == '"' && key == kCustomInput) {
      co_await ReadJsonString(input, text);
      co_return;
    }
    co_await CopyJson(input, [](std::string_view) {});
    if (co_await SkipSpace(input) != ',') co_return;
  }
}

}  // namespace strata::serve::tools
