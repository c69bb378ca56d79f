// The JSON Schema Test Suite (draft 2020-12 with its optional parts; MIT, testdata/json_schema/LICENSE), against a
// record of what is not passed: testdata/json_schema/expected.json. A change for the better has to be recorded, too.
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "grammar/json_schema/json_schema.h"
#include "grammar/machine.h"

namespace strata::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFolder = STRATA_SOURCE_DIR "/src/grammar/testdata/json_schema/";

/// "pass" for the group's tests; or "refused", and why it has to be taken back as soon as it is not; or, for the tests
/// that come out wrong, their places and how.
Json Outcome(const Json& group) {
  RegexStore store;
  Lexer lexer(store);
  Network network(lexer);
  const auto compiled = CompileJsonSchema(network, group["schema"], {.key_order = KeyOrder::kAny});
  bool any_valid = false;
  for (const Json& test : group["tests"]) any_valid = any_valid || test["valid"].get<bool>();
  if (!compiled) return any_valid ? "refused" : "pass";  // nothing is valid, and nothing is let through
  Machine machine(network, compiled->root);
  Json wrong = Json::object();
  for (std::size_t i = 0; i < group["tests"].size(); ++i) {
    const Json& test = group["tests"][i];
    const ConfigId config = machine.Read(machine.start(), test["data_text"].get<std::string>());
    if (machine.Accepts(config) == test["valid"].get<bool>()) continue;
    wrong[std::to_string(i)] = test["valid"].get<bool>() ? "false negative" : "FALSE POSITIVE";
  }
  return wrong.empty() ? Json("pass") : wrong;
}

TEST(JsonSchemaSuiteTest, ComesOutAsRecorded) {
  std::ifstream suite(std::string(kFolder) + "suite.jsonl");
  const Json expected = Json::parse(std::ifstream(std::string(kFolder) + "expected.json"));
  std::map<std::string, int> counts;
  std::string line;
  while (std::getline(suite, line)) {
    const Json group = Json::parse(line);
    const std::string id = group["id"];
    const Json outcome = Outcome(group);
    const auto tests = static_cast<int>(group["tests"].size());
    EXPECT_EQ(outcome.dump().find("POSITIVE"), std::string::npos) << id << ": " << outcome;
    EXPECT_EQ(outcome, expected.value(id, Json("pass"))) << id;
    if (outcome == "refused") {
      counts["refused"] += tests;
    } else {
      const int wrong = outcome.is_object() ? static_cast<int>(outcome.size()) : 0;
      counts["wrong"] += wrong;
      counts["passed"] += tests - wrong;
    }
  }
  EXPECT_EQ(counts["passed"], expected["passed"]);
  EXPECT_EQ(counts["passed"] + counts["wrong"] + counts["refused"], 2225);
}

}  // namespace
}  // namespace strata::grammar
