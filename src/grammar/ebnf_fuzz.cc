// Any bytes as a grammar, GBNF or (behind a first byte L) Lark: an Error or a network that can be walked.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "grammar/ebnf.h"
#include "grammar/machine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata::grammar;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool lark = text.starts_with('L');
  if (lark) text.remove_prefix(1);
  RegexStore store;
  Lexer lexer(store);
  Network network(lexer);
  const auto root = lark ? CompileLark(network, text) : CompileGbnf(network, text);
  if (!root) return 0;
  Machine machine(network, *root);
  // A walk along the first byte that goes on; where none does, the text is one of the grammar.
  ConfigId config = machine.start();
  for (int step = 0; step < 40 && config != kDeadConfig; ++step) {
    ConfigId next = kDeadConfig;
    for (int offset = 0; offset < 256 && next == kDeadConfig; ++offset) {
      next = machine.Step(config, static_cast<std::uint8_t>((step * 37 + offset) % 256));
    }
    if (next == kDeadConfig && !machine.Accepts(config) && !machine.exhausted()) std::abort();
    config = next;
  }
  return 0;
}
