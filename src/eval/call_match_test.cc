// Verdicts on calls: rules one by one, and all together against the original's (tests/eval/make_golden.py).
#include "eval/call_match.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/python_value.h"
#include "eval/source_literal.h"

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;

BfclCase Case(const std::string& category, const std::string& functions, const std::string& ground_truth) {
  return {.id = "x_0",
          .category = category,
          .functions = Json::parse(functions),
          .ground_truth = Json::parse(ground_truth, nullptr, false)};
}

std::vector<Call> Calls(const Json& calls) {
  std::vector<Call> list;
  for (const Json& call : calls) list.push_back({.name = call.begin().key(), .arguments = call.front()});
  return list;
}

std::string_view KindOf(const BfclCase& test_case, const std::string& calls) {
  const Verdict verdict = MatchCalls(test_case, Calls(Json::parse(calls)));
  return verdict.right ? "right" : verdict.kind;
}

TEST(CallMatch, AgreesWithTheOriginal) {
  std::ifstream file(STRATA_SOURCE_DIR "/src/eval/testdata/call_match.jsonl");
  int cases = 0, right = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const Json json = Json::parse(line);
    const BfclCase test_case{.id = json["id"],
                             .category = json["category"],
                             .functions = json["function"],
                             .ground_truth = json["ground_truth"]};
    const Verdict verdict = MatchCalls(test_case, Calls(json["calls"]));
    EXPECT_EQ(verdict.right, json["right"].get<bool>()) << line << '\n' << verdict.kind << ' ' << verdict.detail;
    if (verdict.right) ++right;
  }
  EXPECT_GT(cases, 500);
  EXPECT_GT(right, 100);
}

constexpr const char* kWeather =
    R"([{"name":"geo.weather","parameters":{"type":"dict","properties":{"city":{"type":"string"},"days":{"type":"integer"},
        "hot":{"type":"float"}},"required":["city"]}}])";

TEST(CallMatch, OneCall) {
  const BfclCase one =
      Case("simple_python", kWeather, R"([{"geo.weather":{"city":["New York, NY"],"days":[2,""],"hot":[30,""]}}])");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"city":"new york ny","days":2,"hot":30.0}}])"), "right");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"city":"New York, NY"}}])"), "right");
  EXPECT_EQ(KindOf(one, R"([{"geo.weather":{"city":"New York, NY"}}])"), "wrong_name");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"days":2}}])"), "missing_required");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"city":"NY"}}])"), "wrong_value");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"city":"New York, NY","days":2.0}}])"), "wrong_type");
  EXPECT_EQ(KindOf(one, R"([{"geo_weather":{"city":"New York, NY","land":"US"}}])"), "unexpected_parameter");
  EXPECT_EQ(KindOf(one, "[]"), "wrong_count");
  EXPECT_EQ(KindOf(Case("simple_python", kWeather, R"([{"geo.weather":{"city":["Rome"],"days":[2]}}])"),
                   R"([{"geo_weather":{"city":"Rome"}}])"),
            "missing_optional");
}

TEST(CallMatch, AllCallsInAnyOrder) {
  const BfclCase both =
      Case("parallel", kWeather, R"([{"geo.weather":{"city":["Rome"]}},{"geo.weather":{"city":["Oslo"]}}])");
  EXPECT_EQ(KindOf(both, R"([{"geo_weather":{"city":"Oslo"}},{"geo_weather":{"city":"Rome"}}])"), "right");
  EXPECT_EQ(KindOf(both, R"([{"geo_weather":{"city":"Oslo"}},{"geo_weather":{"city":"Oslo"}}])"), "no_match");
  EXPECT_EQ(KindOf(both, R"([{"geo_weather":{"city":"Oslo"}}])"), "wrong_count");
}

TEST(CallMatch, NoCallOrAny) {
  EXPECT_EQ(KindOf(Case("live_irrelevance", kWeather, ""), "[]"), "right");
  EXPECT_EQ(KindOf(Case("irrelevance", kWeather, ""), R"([{"geo_weather":{"city":"Oslo"}}])"), "called");
  EXPECT_EQ(KindOf(Case("live_relevance", kWeather, ""), R"([{"geo_weather":{}}])"), "right");
  EXPECT_EQ(KindOf(Case("live_relevance", kWeather, ""), "[]"), "not_called");
}

TEST(PythonValue, EqualsAsPythonDoes) {
  const auto equal = [](const char* a, const char* b) { return PythonEquals(Json::parse(a), Json::parse(b)); };
  EXPECT_TRUE(equal("1", "1.0"));
  EXPECT_TRUE(equal("true", "1"));
  EXPECT_TRUE(equal(R"({"a":1,"b":[2]})", R"({"b":[2.0],"a":true})"));
  EXPECT_FALSE(equal("\"1\"", "1"));
  EXPECT_FALSE(equal("null", "0"));
  EXPECT_FALSE(equal("[1]", "[1,2]"));
  EXPECT_FALSE(equal(R"({"a":1})", R"({"b":1})"));
}

TEST(SourceLiteral, ReadsJavaAndJavaScript) {
  const auto java = [](const char* text, const char* type, const char* element = "") {
    return ReadSourceLiteral(Language::kJava, text, type, element).dump();
  };
  EXPECT_EQ(java("12L", "long"), "12");
  EXPECT_EQ(java("12", "long"), "\"12\"");
  EXPECT_EQ(java("new int[]{1, 2}", "Array", "integer"), "[1,2]");
  EXPECT_EQ(java("new ArrayList<>(Arrays.asList(\"a\", \"b\"))", "ArrayList", "String"), R"(["a","b"])");
  EXPECT_EQ(java(R"(new HashMap<String, Object>() {{ put("k", 1.5f); put("l", true); }})", "HashMap"),
            R"({"k":1.5,"l":true})");
  const auto script = [](const char* text, const char* type, const char* element = "") {
    return ReadSourceLiteral(Language::kJavaScript, text, type, element).dump();
  };
  EXPECT_EQ(script("'x'", "String"), "\"x\"");
  EXPECT_EQ(script("[[1, 2], [3]]", "array", "array"), "[[1,2],[3]]");
  EXPECT_EQ(script("new Array(true, false)", "array", "Boolean"), "[true,false]");
  EXPECT_EQ(script("{a: 1, 'b': [2]}", "dict"), R"({"a":1,"b":[2]})");
  EXPECT_EQ(script("12n", "Bigint"), "12");
}

}  // namespace
}  // namespace strata::eval
