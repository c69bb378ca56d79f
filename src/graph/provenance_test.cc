#include "graph/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/passes.h"

namespace strata::graph {
namespace {

using testing::ElementsAre;

// A block with norm, gate and up, activation and residual, and a head whose weight is the embedding's.
constexpr const char* kBlock = R"(graph block {
  %tokens = input {name="tokens"} : i32[T]
  %rows = input {name="logit_rows"} : i32[R]
  %table = weight {name="table"} : q8_0[64, 32]
  %embed = embed %tokens, %table : f32[T, 32]
  %nw = weight {name="nw"} : f32[32]
  %norm = rms_norm %embed, %nw {eps=1e-05} : f32[T, 32]
  %gw = weight {name="gw"} : q8_0[64, 32]
  %gate = linear %norm, %gw : f32[T, 64]
  %uw = weight {name="uw"} : q8_0[64, 32]
  %up = linear %norm, %uw : f32[T, 64]
  %act = map %gate, %up {expr="silu(a0) * a1"} : f32[T, 64]
  %dw = weight {name="dw"} : q8_0[32, 64]
  %down = linear %act, %dw : f32[T, 32]
  %half = map %down {expr="a0 * 0.5"} : f32[T, 32]
  %sum = map %half, %embed {expr="a0 + a1"} : f32[T, 32]
  %last = gather_rows %sum, %rows : f32[R, 32]
  %logits = linear %last, %table : f32[R, 64]
  %likeliest = argmax %logits : i32[R]
  return %logits, %likeliest
}
)";

TEST(Provenance, FindsEveryOperationOnce) {
  const auto built = Parse(kBlock);
  ASSERT_TRUE(built) << built.error().ToString();
  const auto fused = RunPasses(*built, {}, nullptr);
  ASSERT_TRUE(fused) << fused.error().ToString();
  const auto found = Provenance(*built, *fused);
  EXPECT_THAT(found.at("embed"), ElementsAre("embed"));
  EXPECT_THAT(found.at("act"), ElementsAre("norm", "gate", "up", "act"));
  EXPECT_THAT(found.at("sum"), ElementsAre("down", "half", "sum"));
  EXPECT_THAT(found.at("embed_wanted"), ElementsAre("last"));
  EXPECT_THAT(found.at("logits"), ElementsAre("logits", "likeliest"));
  EXPECT_EQ(found.size(), 5U);
}

// Attention in two ways: with norms of heads, which join it, and with norms of all of them, which do not.
std::string Attention(std::string_view group) {
  const bool heads = !group.empty();
  return fmt::format(R"(graph attention {{
  %tokens = input {{name="tokens"}} : i32[T]
  %positions = input {{name="positions"}} : i32[T]
  %freq = constant {{name="freq", values=[1.0]}} : f32[1]
  %table = weight {{name="table"}} : f32[64, 8]
  %x = embed %tokens, %table : f32[T, 8]
  %qw = weight {{name="qw"}} : f32[8, 8]
  %q = linear %x, %qw : f32[T, 8]
  %kw = weight {{name="kw"}} : f32[4, 8]
  %k = linear %x, %kw : f32[T, 4]
  %vw = weight {{name="vw"}} : f32[4, 8]
  %v = linear %x, %vw : f32[T, 4]
  %qnw = weight {{name="qnw"}} : f32[{0}]
  %qn = rms_norm %q, %qnw {{eps=1e-05{2}}} : f32[T, 8]
  %knw = weight {{name="knw"}} : f32[{1}]
  %kn = rms_norm %k, %knw {{eps=1e-05{2}}} : f32[T, 4]
  %qr = rope %qn, %positions, %freq {{head_dim=2, heads=4, layout="halves", scale=1.0}} : f32[T, 8]
  %kr = rope %kn, %positions, %freq {{head_dim=2, heads=2, layout="halves", scale=1.0}} : f32[T, 4]
  %a = attention %qr, %kr, %v {{head_dim=2, heads=4, kv_heads=2, layer=0, scale=0.5, window=16}} : f32[T, 8]
  return %a
}}
)",
                     heads ? 2 : 8, heads ? 2 : 4, group);
}

TEST(Provenance, FollowsWhatJoinsAttentionAndWhatStaysBefore) {
  const auto provenance = [](std::string_view group) {
    const auto built = Parse(Attention(group));
    EXPECT_TRUE(built) << built.error().ToString();
    const auto fused = RunPasses(*built, {}, nullptr);
    EXPECT_TRUE(fused) << fused.error().ToString();
    return Provenance(*built, *fused);
  };
  const auto joined = provenance(", group=2");
  EXPECT_THAT(joined.at("q_cat"), ElementsAre("q", "k", "v"));
  EXPECT_THAT(joined.at("a"), ElementsAre("qn", "kn", "qr", "kr", "a"));
  EXPECT_EQ(joined.size(), 3U);
  const auto before = provenance("");
  EXPECT_THAT(before.at("q_cat"), ElementsAre("q", "k", "v"));
  EXPECT_THAT(before.at("qn"), ElementsAre("qn"));
  EXPECT_THAT(before.at("a"), ElementsAre("qr", "kr", "a"));
  EXPECT_EQ(before.size(), 5U);
}

TEST(Provenance, IsThatOfEachItselfWithoutPasses) {
  const auto built = Parse(kBlock);
  ASSERT_TRUE(built) << built.error().ToString();
  for (const auto& [name, sources] : Provenance(*built, *built)) EXPECT_THAT(sources, ElementsAre(name));
}

}  // namespace
}  // namespace strata::graph
