// Cases from files, tools from cases, and what becomes of results.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/bfcl_case.h"
#include "eval/score_table.h"

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

constexpr std::string_view kQuestion =
    R"({"id":"live_simple_3-1-0","question":[[{"role":"user","content":"?"}]],"function":[{"name":"a.b","description":"d",)"
    R"("parameters":{"type":"dict","properties":{"type":{"type":"float"},"l":{"type":"tuple","items":{"type":"dict",)"
    R"("properties":{"x":{"type":"any"}}}}},"required":["l"]}}]})";
constexpr std::string_view kAnswer = R"({"id":"live_simple_3-1-0","ground_truth":[{"a.b":{"l":[[]]}}]})";

TEST(BfclCase, ReadsTheTwoLayouts) {
  const auto two = ParseBfclCases(kQuestion, kAnswer);
  ASSERT_TRUE(two) << two.error().ToString();
  ASSERT_EQ(two->cases.size(), 1u);
  EXPECT_EQ(two->cases[0].category, "live_simple");
  EXPECT_EQ(two->cases[0].expected(), Expected::kOneCall);
  Json together = Json::parse(kQuestion);
  together["functions"] = together["function"];
  together.erase("function");
  together["category"] = "parallel_multiple";
  together["ground_truth"] = Json::parse(kAnswer)["ground_truth"];
  const auto one = ParseBfclCases(together.dump() + "\n\n", "");
  ASSERT_TRUE(one) << one.error().ToString();
  EXPECT_EQ(one->cases[0].expected(), Expected::kAllCalls);
  EXPECT_EQ(one->cases[0].functions, two->cases[0].functions);
}

TEST(BfclCase, LeavesOutCasesOfSeveralTurns) {
  const auto read = ParseBfclCases(
      R"({"id":"multi_turn_base_0","question":[[{"role":"user"}],[{"role":"user"}]],"involved":[]})", "");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->skipped, testing::ElementsAre("multi_turn_base_0"));
  EXPECT_TRUE(read->cases.empty());
}

TEST(BfclCase, SaysWhatIsWrongWithALine) {
  const auto refused = [](std::string_view questions, std::string_view answers = "") {
    const auto read = ParseBfclCases(questions, answers);
    return read ? "accepted" : read.error().ToString();
  };
  EXPECT_THAT(refused("\n{"), HasSubstr("line 2: not a JSON object"));
  EXPECT_THAT(refused(R"({"id":1})"), HasSubstr("id must be a string"));
  EXPECT_THAT(refused(R"({"id":"a_0"})"), HasSubstr("question must be"));
  EXPECT_THAT(refused(R"({"id":"a_0","question":[[{}]],"function":[{}]})"), HasSubstr("needs a name"));
  EXPECT_THAT(refused(R"({"id":"a_0","question":[[{}]],"function":[]})"), HasSubstr("not empty"));
  EXPECT_EQ(refused(R"({"id":"live_irrelevance_0","question":[[{}]],"function":[]})"), "accepted");
  EXPECT_THAT(refused(kQuestion), HasSubstr("no ground_truth"));
  EXPECT_THAT(refused(kQuestion, R"({"id":"live_simple_3-1-0"})"), HasSubstr("in the answers: line 1"));
  EXPECT_THAT(refused(kQuestion, R"({"id":"live_simple_3-1-0","ground_truth":[{"a.b":{"l":1}}]})"),
              HasSubstr("[values]"));
}

TEST(BfclCase, MakesToolsOfFunctions) {
  const auto read = ParseBfclCases(kQuestion, kAnswer);
  ASSERT_TRUE(read);
  EXPECT_EQ(ToolsOf(read->cases[0], true),
            Json::parse(R"([{"type":"function","function":{"name":"a_b","description":"d","parameters":{"type":"object",
    "properties":{"type":{"type":"number"},"l":{"type":"array","items":{"type":"object","properties":{"x":{"type":"string"}}}}},
    "required":["l"]},"strict":true}}])"));
  BfclCase java = read->cases[0];
  java.category = "simple_java";
  const Json schema = ToolsOf(java, false)[0]["function"]["parameters"];
  EXPECT_EQ(schema["properties"]["l"]["type"], "string");
  EXPECT_THAT(schema["properties"]["l"]["description"].get<std::string>(),
              HasSubstr("Java literal of type tuple of dict"));
}

TEST(ScoreTable, IntervalsAreWilsons) {
  // Worked out by hand: 8 of 10 gives 0.4902 … 0.9433.
  const auto [low, high] = WilsonInterval(8, 10);
  EXPECT_NEAR(low, 0.4902, 5e-5);
  EXPECT_NEAR(high, 0.9433, 5e-5);
  EXPECT_EQ(WilsonInterval(0, 10).low, 0);
  EXPECT_DOUBLE_EQ(WilsonInterval(10, 10).high, 1);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(ScoreTable, CountsByCategory) {
  const std::vector<CaseResult> results = {{.id = "1", .category = "b", .verdict = {.right = true}},
                                           {.id = "2", .category = "a", .verdict = {}, .error = "status 500"},
                                           {.id = "3", .category = "b", .verdict = {}}};
  const Json scores = ScoresJson(results);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0]["category"], "b");
  EXPECT_EQ(scores[0]["right"], 1);
  EXPECT_EQ(scores[1]["failed"], 1);
  EXPECT_EQ(scores[2]["category"], "all");
  EXPECT_EQ(scores[2]["cases"], 3);
  EXPECT_THAT(ScoreTable(results), HasSubstr("all"));
}

}  // namespace
}  // namespace strata::eval
