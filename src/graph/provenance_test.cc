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
  EXPECT_THAT(found.at("last"), ElementsAre("last"));
  EXPECT_THAT(found.at("logits"), ElementsAre("logits", "likeliest"));
  EXPECT_EQ(found.size(), 5U);
}

TEST(Provenance, IsThatOfEachItselfWithoutPasses) {
  const auto built = Parse(kBlock);
  ASSERT_TRUE(built) << built.error().ToString();
  for (const auto& [name, sources] : Provenance(*built, *built)) EXPECT_THAT(sources, ElementsAre(name));
}

}  // namespace
}  // namespace strata::graph
