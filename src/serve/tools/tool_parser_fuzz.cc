// Any text through every family's parser: read to its end, the same in pieces, and never lost without a call.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "serve/tools/test_parse.h"

using namespace strata::serve::tools;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tools tools =
      MakeTools({{"f", R"({"type":"object","properties":{"s":{"type":"string"},"n":{"type":"integer"},"any":{}}})"},
                 {"g", "{}"}});
  if (size < 3) return 0;
  const Dialect& dialect = Dialects()[data[0] % Dialects().size()];
  const std::size_t piece = 1 + data[1] % 7;
  const ParserOptions options{.reasoning = (data[2] & 1) != 0 ? FindReasoning("think") : nullptr,
                              .reasoning_open = (data[2] & 3) == 3,
                              .one_call = (data[2] & 4) != 0};
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const OutputDelta whole = ParseAll(dialect, tools, text, options);
  const OutputDelta pieces =
      ParsePieces(dialect, tools, text, options, [&](std::size_t left) { return std::min(piece, left); });
  if (pieces != whole) std::abort();
  for (std::size_t i = 0; i < whole.calls.size(); ++i) {
    if (whole.calls[i].index != static_cast<int>(i) || !whole.calls[i].name || !whole.calls[i].id) std::abort();
  }
  return 0;
}
