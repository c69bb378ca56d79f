// Text form, verifier, expressions.
#include "graph/graph.h"

#include <random>

#include <gtest/gtest.h>

#include "graph/expression.h"

namespace strata::graph {
namespace {

constexpr const char* kTiny = R"(graph tiny {
  %tokens = input {name="tokens"} : i32[T]
  %table = weight {name="token_embd.weight"} : q4_1[64, 32]
  %x = embed %tokens, %table : f32[T, 32]
  %w = weight {name="w"} : f32[32]
  %n = rms_norm %x, %w {eps=1e-05} : f32[T, 32]
  %c = constant {name="c", values=[1.0, 0.5]} : f32[2]
  %a = weight {name="a"} : f32[16, 32]
  %y = linear %n, %a : f32[T, 16]
  %z = map %y, %y {expr="silu(a0) * a1"} : f32[T, 16]
  return %z
}
)";

TEST(Text, PrintIsTheInverseOfParse) {
  const auto graph = Parse(kTiny);
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::string canonical = kTiny;
  EXPECT_EQ(Print(*graph), canonical);
  EXPECT_TRUE(Verify(*graph)) << Verify(*graph).error().ToString();
}

TEST(Text, AttributesKeepTheirKinds) {
  const char* text =
      "graph g {\n  %a = input {b=1, c=1.0, d=\"q\\\"u\\\\o\", e=[], f=[1.0, -2.5e-07]} : i32[T]\n  return %a\n}\n";
  const auto graph = Parse(text);
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_EQ(IntAttribute(graph->nodes[0], "b"), 1);
  EXPECT_EQ(FloatAttribute(graph->nodes[0], "c"), 1.0);
  EXPECT_EQ(StringAttribute(graph->nodes[0], "d"), "q\"u\\o");
  EXPECT_EQ(Print(*graph), text);
}

struct BadText {
  const char* text;
  const char* message;
};
class TextErrors : public testing::TestWithParam<BadText> {};
TEST_P(TextErrors, NameLineAndColumn) {
  const auto graph = Parse(GetParam().text);
  ASSERT_FALSE(graph);
  EXPECT_NE(graph.error().message().find(GetParam().message), std::string::npos) << graph.error().message();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, TextErrors,
    testing::Values(BadText{"", "line 1, column 1: expected 'graph'"}, BadText{"graph g {", "expected 'return'"},
                    BadText{"graph g {\n %a = frob : f32[1]\n", "'frob' is not one"},
                    BadText{"graph g {\n return %b\n}", "%b was not"},
                    BadText{"graph g {\n %a = input {name=} : i32[T]", "line 2, column 19"},
                    BadText{"graph g {\n %a = input : q9[T]", "'q9' is not one"},
                    BadText{"graph g {\n %a = input : i32[X]", "a number"},
                    BadText{"graph g {\n %a = input : i32[T]\n %a = input : i32[T]", "%a is defined already"},
                    BadText{"graph g {\n %a = input {name=\"x} : i32[T]", "expected '\"'"},
                    BadText{"graph g {\n %a = input : i32[T]\n return %a\n} x", "the end"},
                    BadText{"graph g {\n %a = input : i32[1.5]", "a whole number"}));

TEST(Text, RandomDamageNeverCrashes) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text = kTiny;
    for (int edits = 0; edits < 3; ++edits) text[random() % text.size()] = static_cast<char>(32 + random() % 95);
    const auto graph = Parse(text);
    if (graph) {
      const auto again = Parse(Print(*graph));
      ASSERT_TRUE(again) << Print(*graph);
      EXPECT_EQ(Print(*again), Print(*graph));
      (void)Verify(*graph).has_value();
    }
  }
}

/// A graph of one interesting line after a common start.
std::string With(std::string_view lines, std::string_view result) {
  return fmt::format(R"(graph g {{
  %t = input {{name="tokens"}} : i32[T]
  %r = input {{name="logit_rows"}} : i32[R]
  %e = weight {{name="e"}} : f32[8, 4]
  %x = embed %t, %e : f32[T, 4]
  %n = weight {{name="n"}} : f32[4]
  %w = weight {{name="w"}} : f32[6, 4]
  %q = weight {{name="q"}} : q8_0[6, 4]
  %c = constant {{name="c", values=[1.0]}} : f32[1]
  {}
  return %{}
}})",
                     lines, result);
}

class VerifyErrors : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(VerifyErrors, NameTheNode) {
  const auto [line, message] = GetParam();
  const auto graph = Parse(With(line, "y"));
  ASSERT_TRUE(graph) << graph.error().ToString();
  const Status status = Verify(*graph);
  ASSERT_FALSE(status) << line;
  EXPECT_NE(status.error().message().find("%y"), std::string::npos) << status.error().message();
  EXPECT_NE(status.error().message().find(message), std::string::npos) << status.error().message();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, VerifyErrors,
    testing::Values(
        std::pair{"%y = embed %t : f32[T, 4]", "takes 2 inputs, has 1"},
        std::pair{"%y = embed %t, %e : f32[T, 5]", "f32[T, h]"}, std::pair{"%y = embed %t, %n : f32[T, 4]", "table"},
        std::pair{"%y = rms_norm %x, %n : f32[T, 4]", "eps is missing"},
        std::pair{"%y = rms_norm %x, %n {eps=1} : f32[T, 4]", "eps has the wrong kind"},
        std::pair{"%y = rms_norm %x, %c {eps=1.0} : f32[T, 4]", "weight [h]"},
        std::pair{"%y = rms_norm %x, %n {eps=1.0} : f32[R, 4]", "weight [h]"},
        std::pair{"%y = rms_norm %x, %n {eps=1.0, group=3} : f32[T, 4]", "whole groups"},
        std::pair{"%y = rms_norm %x, %n {eps=1.0, group=2} : f32[T, 4]", "weight [h] or [group]"},
        std::pair{"%y = rms_norm %x, %n {eps=1.0, offset=1} : f32[T, 4]", "offset has the wrong kind"},
        std::pair{"%y = linear %x, %w : f32[T, 4]", "[n, k]"}, std::pair{"%y = linear %x, %n : f32[T, 4]", "[n, k]"},
        std::pair{"%y = linear %x, %w : f32[R, 6]", "activations"},
        std::pair{"%y = linear %x, %w, %n : f32[T, 6]", "bias"}, std::pair{"%y = linear %x : f32[T, 6]", "2 or more"},
        std::pair{"%y = map %x {expr=\"a1\"} : f32[T, 4]", "names an input"},
        std::pair{"%y = map %x {expr=\"a0 +\"} : f32[T, 4]", "expected a value"},
        std::pair{"%y = map %x, %c {expr=\"a0\"} : f32[T, 4]", "input 1"},
        std::pair{"%y = map {expr=\"1\"} : f32[T, 4]", "1 or more"},
        std::pair{"%y = slice %x {offset=2, length=3} : f32[T, 3]", "outside"},
        std::pair{"%y = slice %x {offset=-1, length=3} : f32[T, 3]", "outside"},
        std::pair{"%y = gather_rows %x, %r : f32[T, 4]", "[R, h]"}, std::pair{"%y = argmax %x : i32[R]", "i32[rows]"},
        std::pair{"%y = argmax %t : i32[T]", "i32[rows]"},
        std::pair{"%y = fused_linear %x, %w, %w {weights=2, biases=0, combine=\"map\", expr=\"a0 * a1\", argmax=1} : "
                  "f32[T, 6]",
                  "argmax is of one"},
        std::pair{"%y = rope %x, %t, %c {heads=2, head_dim=3, layout=\"halves\", scale=1.0} : f32[T, 4]",
                  "heads * head_dim"},
        std::pair{"%y = attention %x, %x, %x {layer=0, heads=2, kv_heads=3, head_dim=2, scale=1.0} : f32[T, 4]",
                  "multiple"},
        std::pair{"%y = attention %x, %x, %x {layer=0, heads=4, kv_heads=2, head_dim=1, scale=1.0} : f32[T, 4]",
                  "do not fit"},
        std::pair{
            "%y = attention %x, %x, %x {layer=0, heads=2, kv_heads=2, head_dim=2, scale=1.0, window=0} : f32[T, 4]",
            "window must be at least 1"},
        std::pair{
            "%y = attention %x, %x, %x {layer=0, heads=2, kv_heads=2, head_dim=2, scale=1.0, chunk=1.0} : f32[T, 4]",
            "chunk has the wrong kind"},
        std::pair{"%y = attention %x, %x, %x {layer=0, heads=2, kv_heads=2, head_dim=2, scale=1.0, softcap=-1.0} : "
                  "f32[T, 4]",
                  "softcap must be greater"},
        std::pair{"%y = attention %x, %x, %x, %n {layer=0, heads=2, kv_heads=2, head_dim=2, scale=1.0} : f32[T, 4]",
                  "sinks are [heads]"},
        std::pair{
            "%y = fused_attention %x, %n, %n {layer=0, heads=2, kv_heads=1, head_dim=1, scale=1.0, norm_eps=1.0} : "
            "f32[T, 2]",
            "[head_dim]"},
        std::pair{"%y = fused_attention %x {layer=0, heads=2, kv_heads=1, head_dim=1, scale=1.0, layout=\"halves\"} : "
                  "f32[T, 2]",
                  "takes qkv or q, k, v"},
        std::pair{"%y = fused_attention %x {layer=0, heads=2, kv_heads=1, head_dim=1, scale=1.0, rope_scale=1.0} : "
                  "f32[T, 2]",
                  "come together"},
        std::pair{"%y = fused_attention %x, %t, %c {layer=0, heads=2, kv_heads=1, head_dim=1, scale=1.0, "
                  "layout=\"halves\", rope_scale=1.0} : f32[T, 2]",
                  "inv_freq is"},
        std::pair{"%y = fused_linear %x, %w {weights=2, biases=0, combine=\"concat\"} : f32[T, 6]",
                  "do not fit the inputs"},
        std::pair{"%y = fused_linear %x, %w {weights=1, biases=0, combine=\"sum\"} : f32[T, 6]", "map or concat"},
        std::pair{"%y = fused_linear %x, %w {weights=1, biases=0, combine=\"map\"} : f32[T, 6]", "needs an expression"},
        std::pair{"%y = fused_linear %x, %w, %q {weights=2, biases=0, combine=\"concat\"} : f32[T, 12]",
                  "dtypes differ"},
        std::pair{"%y = fused_linear %x, %w, %w {weights=2, biases=0, combine=\"concat\"} : f32[T, 6]", "add up"},
        std::pair{"%y = fused_linear %x, %w, %n {weights=1, biases=0, combine=\"concat\"} : f32[T, 6]", "extra"},
        std::pair{"%y = weight {name=\"y\"} : f32[0]", "dimension 0"},
        std::pair{"%y = input {name=\"y\"} : f32[T]", "inputs are i32"},
        std::pair{"%y = constant {name=\"y\", values=[1.0]} : f32[2]", "fit the values"}));

TEST(Verify, RefusesAGraphWithoutResults) {
  Graph graph;
  graph.Add(Op::kInput, {}, {{"name", std::string("x")}}, {DType::kI32, {{0, 'T'}}});
  EXPECT_FALSE(Verify(graph));
}

TEST(Verify, RefusesForwardReferencesAndDuplicateNames) {
  Graph graph;
  graph.Add(Op::kInput, {}, {{"name", std::string("x")}}, {DType::kI32, {{0, 'T'}}}, "x");
  graph.Add(Op::kInput, {}, {{"name", std::string("x")}}, {DType::kI32, {{0, 'T'}}}, "x");
  graph.results = {1};
  EXPECT_NE(Verify(graph).error().message().find("used twice"), std::string::npos);
  graph.nodes[1].name = "y";
  graph.nodes[0].inputs = {1};
  EXPECT_NE(Verify(graph).error().message().find("not defined before"), std::string::npos);
}

/// A mixture of four experts with `route` and `experts` as they are given.
std::string Mixture(std::string_view route, std::string_view experts) {
  return fmt::format(R"(graph mixture {{
  %t = input {{name="tokens"}} : i32[T]
  %e = weight {{name="e"}} : f32[8, 4]
  %x = embed %t, %e : f32[T, 4]
  %r = weight {{name="r"}} : f32[4, 4]
  %c = weight {{name="c"}} : f32[4]
  %g = weight {{name="g"}} : f32[4, 6, 4]
  %d = weight {{name="d"}} : f32[4, 4, 6]
  %gb = weight {{name="gb"}} : f32[4, 6]
  %db = weight {{name="db"}} : f32[4, 4]
  %l = linear %x, %r : f32[T, 4]
  {}
  {}
  return %y
}})",
                     route, experts);
}
constexpr std::string_view kRoute =
    "%w = route %l, %c {group_by_two=1, groups=2, groups_used=1, normalize=0, scale=2.5, scoring=\"sigmoid\", top_k=2} "
    ": "
    "f32[T, 4]";
constexpr std::string_view kExperts =
    "%y = experts %x, %w, %g, %g, %d, %gb, %gb, %db {expr=\"silu(a0) * a1\", top_k=2, weigh_input=0} : f32[T, 4]";

TEST(Mixture, IsPrintedAndVerified) {
  const auto graph = Parse(Mixture(kRoute, kExperts));
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_TRUE(Verify(*graph)) << Verify(*graph).error().ToString();
  for (const std::string_view line : {kRoute, kExperts}) EXPECT_NE(Print(*graph).find(line), std::string::npos);
}

/// What a part of the route or of the experts is replaced by, and what the error says.
struct WrongMixture {
  std::string_view part, by, message;
};
class MixtureErrors : public testing::TestWithParam<WrongMixture> {};
TEST_P(MixtureErrors, NameTheNode) {
  const auto [part, by, message] = GetParam();
  std::string text = Mixture(kRoute, kExperts);
  ASSERT_NE(text.find(part), std::string::npos);
  text.replace(text.find(part), part.size(), by);
  const auto graph = Parse(text);
  ASSERT_TRUE(graph) << graph.error().ToString();
  const Status status = Verify(*graph);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find(message), std::string::npos) << status.error().message();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, MixtureErrors,
    testing::Values(WrongMixture{"%l, %c", "%l, %gb", "correction is [E]"},
                    WrongMixture{"\"sigmoid\"", "\"relu\"", "scoring is"},
                    WrongMixture{"groups=2", "groups=3", "do not divide"},
                    WrongMixture{"groups_used=1", "groups_used=3", "between 1 and groups"},
                    WrongMixture{"top_k=2} : f32[T, 4]\n  %y", "top_k=3} : f32[T, 4]\n  %y", "not in the groups used"},
                    WrongMixture{", %gb, %gb, %db", ", %gb", "of all three or of none"},
                    WrongMixture{"%w, %g, %g", "%w, %g, %d", "gate and up are stacks"},
                    WrongMixture{"%g, %d, %gb", "%g, %g, %gb", "down is a stack"},
                    WrongMixture{"%gb, %gb, %db", "%gb, %gb, %gb", "biases are stacks"},
                    WrongMixture{"silu(a0) * a1\", top_k=2", "silu(a0) * a1\", top_k=5", "between 1 and E"},
                    WrongMixture{"silu(a0) * a1", "silu(a0) * a2", "names an input"},
                    WrongMixture{"weigh_input=0", "weight=0", "weigh_input is missing"}));

class ExpressionText : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(ExpressionText, PrintsCanonically) {
  const auto expression = ParseExpression(GetParam().first);
  ASSERT_TRUE(expression) << expression.error().ToString();
  EXPECT_EQ(expression->ToString(), GetParam().second);
  EXPECT_EQ(ParseExpression(expression->ToString())->ToString(), GetParam().second);
}
INSTANTIATE_TEST_SUITE_P(Cases, ExpressionText,
                         testing::Values(std::pair{"a0", "a0"}, std::pair{"a0+a1*a2", "a0 + a1 * a2"},
                                         std::pair{"(a0+a1)*a2", "(a0 + a1) * a2"},
                                         std::pair{"a0-(a1-a2)", "a0 - (a1 - a2)"},
                                         std::pair{"(a0-a1)-a2", "a0 - a1 - a2"},
                                         std::pair{"a0/(a1*a2)", "a0 / (a1 * a2)"},
                                         std::pair{"silu( a0 ) * a1", "silu(a0) * a1"},
                                         std::pair{"min(a0,max(a1,2.5))", "min(a0, max(a1, 2.5))"},
                                         std::pair{"neg(a0) + -1.5", "neg(a0) + -1.5"}, std::pair{"((((a0))))", "a0"}));

class ExpressionErrors : public testing::TestWithParam<const char*> {};
TEST_P(ExpressionErrors, AreRefused) {
  const auto expression = ParseExpression(GetParam());
  ASSERT_FALSE(expression) << GetParam();
  EXPECT_EQ(expression.error().code(), ErrorCode::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(Cases, ExpressionErrors,
                         testing::Values("", "a0 +", "a", "a64", "b0", "silu a0", "silu(a0", "min(a0)", "a0 a1",
                                         "1e999", "(a0", "a0)", "a0 ^ a1"));

TEST(Expression, DeepNestingIsAnError) {
  EXPECT_FALSE(ParseExpression(std::string(100000, '(') + "a0" + std::string(100000, ')')));
}

TEST(Expression, SubstituteRenumbersInputs) {
  const Expression outer = *ParseExpression("a0 + a1");
  const Expression inner = *ParseExpression("silu(a0) * a1");
  EXPECT_EQ(Substitute(outer, 0, inner, {-1, 0}, {1, 2}).ToString(), "silu(a1) * a2 + a0");
  EXPECT_EQ(Substitute(outer, 0, inner, {-1, 0}, {1, 2}).inputs, 3);
}

TEST(Expression, SubstituteReplacesEveryUse) {
  EXPECT_EQ(Substitute(*ParseExpression("a0 * a0"), 0, *ParseExpression("exp(a0)"), {-1}, {0}).ToString(),
            "exp(a0) * exp(a0)");
}

}  // namespace
}  // namespace strata::graph
