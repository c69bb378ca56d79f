// Numbers of schemas against jsonschema's verdicts by both readings of a text (testdata/numbers.jsonl, made by
// tools/golden/grammar_numbers.py).
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "grammar/json_schema/json_schema.h"
#include "grammar/machine.h"

namespace strata::grammar {
namespace {

using Json = nlohmann::ordered_json;

TEST(NumberTextsTest, HoldByBothReadings) {
  std::ifstream file(STRATA_SOURCE_DIR "/src/grammar/testdata/numbers.jsonl");
  int schemas = 0;
  for (std::string line; std::getline(file, line); ++schemas) {
    const Json test = Json::parse(line);
    SCOPED_TRACE(test["schema"].dump());
    RegexStore store;
    Lexer lexer(store);
    Network network(lexer);
    const auto compiled = CompileJsonSchema(network, test["schema"], {});
    ASSERT_TRUE(compiled) << compiled.error().ToString();
    Machine machine(network, compiled->root);
    const auto accepts = [&](const Json& text) {
      return machine.Accepts(machine.Read(machine.start(), text.get<std::string>()));
    };
    for (const Json& text : test["accept"]) EXPECT_TRUE(accepts(text)) << text;
    for (const Json& text : test["refuse"]) EXPECT_FALSE(accepts(text)) << text;
    EXPECT_FALSE(machine.exhausted());
  }
  EXPECT_GT(schemas, 100);
}

}  // namespace
}  // namespace strata::grammar
