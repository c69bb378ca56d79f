// Hostile schemas: whatever the schema, compiling ends, nothing that is begun is a dead end, and what is accepted is
// JSON. The first byte chooses options, the second which text is walked; the rest is the schema.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "grammar/json_schema/json_schema.h"
#include "grammar/machine.h"

namespace {

using namespace strata::grammar;  // NOLINT: a program of one file

constexpr int kSteps = 200;

void Require(bool holds) {
  if (!holds) std::abort();
}

/// A number of so many digits that no double holds it is one nevertheless.
bool IsJson(const std::string& text) {
  try {
    return !nlohmann::json::parse(text).is_discarded();
  } catch (const nlohmann::json::out_of_range&) {
    return true;
  } catch (const nlohmann::json::parse_error&) {
    return false;
  }
}

/// Writes a text byte by byte, each drawn from those that are allowed.
void Walk(Machine& machine, std::uint32_t seed) {
  ConfigId config = machine.start();
  std::string text;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<std::uint8_t> allowed;
    for (int byte = 0; byte < 256; ++byte) {
      if (machine.Step(config, static_cast<std::uint8_t>(byte)) != kDeadConfig) {
        allowed.push_back(static_cast<std::uint8_t>(byte));
      }
    }
    if (machine.exhausted()) return;
    if (machine.Accepts(config)) Require(IsJson(text));
    Require(machine.Accepts(config) || !allowed.empty());
    if (allowed.empty()) return;
    seed = seed * 1'664'525 + 1'013'904'223;  // Numerical Recipes' generator
    const std::uint8_t byte = allowed[(seed >> 8) % allowed.size()];
    text += static_cast<char>(byte);
    config = machine.Step(config, byte);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto schema = nlohmann::ordered_json::parse(data + 2, data + size, nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) return 0;
  RegexStore store;
  Lexer lexer(store);
  Network network(lexer);
  const JsonSchemaOptions options{.key_order = (data[0] & 1) != 0 ? KeyOrder::kAny : KeyOrder::kDeclared,
                                  .whitespace = (data[0] & 2) != 0};
  const auto compiled = CompileJsonSchema(network, schema, options);
  if (!compiled) return 0;
  Machine machine(network, compiled->root);
  if (machine.exhausted()) return 0;
  Require(machine.start() != kDeadConfig);
  Walk(machine, data[1]);
  return 0;
}
