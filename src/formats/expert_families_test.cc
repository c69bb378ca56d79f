// What is particular to the files of families with experts: defaults, names, and what is refused by name. Their logits
// are tested from whole checkpoints (runtime/golden_test.cc).
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "formats/hf_config.h"
#include "formats/hf_names.h"
#include "formats/model_file.h"

namespace strata {
namespace {

using nlohmann::json;
using Scoring = ExpertsConfig::Scoring;

/// What every config.json says.
json Config(const std::string& model_type, const json& more = json::object()) {
  json config = {{"model_type", model_type}, {"vocab_size", 10},
                 {"hidden_size", 64},        {"num_hidden_layers", 4},
                 {"num_attention_heads", 4}, {"num_key_value_heads", 2},
                 {"intermediate_size", 6},   {"max_position_embeddings", 100}};
  config.merge_patch(more);
  return config;
}

ModelConfig Parse(const json& config) {
  auto read = ParseHuggingFaceConfig(config.dump(), "config.json");
  EXPECT_TRUE(read) << (read ? "" : read.error().ToString());
  return read ? read->config : ModelConfig{};
}

TEST(ExpertFamilies, AssumeWhatTheirClassesAssume) {
  const ExpertsConfig mixtral = *Parse(Config("mixtral")).experts;
  EXPECT_EQ(std::tuple(mixtral.count, mixtral.used, mixtral.ffn, mixtral.normalize), std::tuple(8, 2, 6, true));
  const ModelConfig qwen2 = Parse(Config("qwen2_moe"));
  EXPECT_EQ(std::tuple(qwen2.experts->count, qwen2.experts->used, qwen2.experts->ffn, qwen2.experts->shared_ffn),
            std::tuple(60, 4, 1408, 5632));
  EXPECT_TRUE(qwen2.attention_bias);
  EXPECT_FALSE(qwen2.experts->normalize);
  const ExpertsConfig qwen3 = *Parse(Config("qwen3_moe")).experts;
  EXPECT_EQ(std::tuple(qwen3.count, qwen3.used, qwen3.ffn, qwen3.shared_ffn), std::tuple(128, 8, 768, 0));
  const ModelConfig gpt_oss = Parse(Config("gpt_oss", {{"max_position_embeddings", 1000}}));
  EXPECT_EQ(gpt_oss.experts->scoring, Scoring::kSoftmaxOfChosen);
  EXPECT_EQ(std::pair(gpt_oss.experts->swiglu_alpha, gpt_oss.experts->swiglu_limit), std::pair(1.702, 7.0));
  EXPECT_EQ(std::pair(gpt_oss.attention_of(0).window, gpt_oss.attention_of(1).window), std::pair(128L, 0L));
  EXPECT_EQ(gpt_oss.head_dim, 64);
  EXPECT_EQ(Parse(Config("olmoe")).experts->count, 64);
  EXPECT_EQ(Parse(Config("granitemoe")).experts->scoring, Scoring::kSoftmaxOfChosen);
}

TEST(ExpertFamilies, Llama4EndsWhereItsQueriesWouldBeScaled) {
  const json more = {{"max_position_embeddings", 100000}, {"interleave_moe_layer_step", 2}, {"moe_layers", {1, 3}}};
  const ModelConfig config = Parse(Config("llama4_text", more));
  EXPECT_EQ(config.max_positions, 8191);
  EXPECT_TRUE(config.attention_of(2).rotated);
  EXPECT_FALSE(config.attention_of(3).rotated);
  EXPECT_EQ(config.attention_of(0).chunk, 0);  // 8192, which is all there is
  EXPECT_EQ(config.experts->step, 2);
  EXPECT_EQ(std::pair(config.ffn, config.experts->ffn), std::pair(16384L, 6L));
}

struct Refusal {
  const char* type;
  json patch;
  std::string error;
};
class ExpertRefusals : public testing::TestWithParam<Refusal> {};
TEST_P(ExpertRefusals, NameTheField) {
  const auto read = ParseHuggingFaceConfig(Config(GetParam().type, GetParam().patch).dump(), "config.json");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().ToString().find("config.json: " + GetParam().error), std::string::npos)
      << read.error().ToString();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, ExpertRefusals,
    testing::Values(
        Refusal{"mixtral", {{"num_local_experts", 0}}, "/num_local_experts: is 0"},
        Refusal{"mixtral", {{"num_experts_per_tok", 9}}, "/num_experts_per_tok: 9 of 8 experts"},
        Refusal{"mixtral", {{"num_local_experts", "8"}}, "/num_local_experts: must be an integer"},
        Refusal{"mixtral", {{"moe_intermediate_size", 8}}, "/moe_intermediate_size: is not supported"},
        Refusal{"qwen2_moe", {{"shared_expert_intermediate_size", 0}}, "/shared_expert_intermediate_size: is 0"},
        Refusal{"qwen3_moe", {{"mlp_only_layers", {1}}}, "/mlp_only_layers: layers without experts"},
        Refusal{"qwen3_moe", {{"decoder_sparse_step", 0}}, "/decoder_sparse_step: is 0"},
        Refusal{"gpt_oss", {{"swiglu_limit", 0}}, "/swiglu_limit: is 0"},
        Refusal{"olmoe", {{"clip_qkv", 8}}, "/clip_qkv: is not supported"},
        Refusal{"llama4_text", {{"moe_layers", {0, 1}}}, "/moe_layers: are not the last of each 1 layers"},
        Refusal{"llama4_text", {{"no_rope_layers", {1, 0}}}, "/no_rope_layers: has 2 values for 4 layers"},
        Refusal{"llama4_text", {{"layer_types", {"full_attention"}}}, "/layer_types: do not follow"}));

TEST(ExpertNames, HaveTheirStacks) {
  const std::string stack = "blk.3.ffn_up_exps.weight";
  EXPECT_EQ(ExpertName(stack, 17), "blk.3.ffn_up_exps.17.weight");
  EXPECT_EQ(StackName(ExpertName(stack, 17)), stack);
  for (const char* other : {"blk.3.ffn_up_exps.weight", "blk.3.attn_q.bias", "weight", "7.weight", "a..b", ""}) {
    EXPECT_EQ(StackName(other), other);
  }
}

TEST(ExpertNames, AreThoseOfEachExpertOrOfTheStack) {
  const HfNames qwen(*FindHfFamily("qwen3_moe"), nullptr, 2);
  for (const auto& [theirs, ours] : std::vector<std::pair<std::string, std::string>>{
           {"model.layers.1.mlp.experts.17.gate_proj.weight", "blk.1.ffn_gate_exps.17.weight"},
           {"model.layers.0.mlp.experts.gate_up_proj", "blk.0.ffn_gate_up_exps.weight"},
           {"model.layers.0.mlp.gate.weight", "blk.0.ffn_gate_inp.weight"},
           {"model.layers.0.mlp.gate.e_score_correction_bias", "blk.0.exp_probs_b.bias"}}) {
    const auto canonical = qwen.Canonical(theirs);
    ASSERT_TRUE(canonical && *canonical) << theirs;
    EXPECT_EQ(**canonical, ours);
    EXPECT_EQ(qwen.Stored(ours), theirs);
  }
  const HfNames mixtral(*FindHfFamily("mixtral"), nullptr, 1);
  EXPECT_EQ(**mixtral.Canonical("model.layers.0.block_sparse_moe.experts.3.w2.weight"), "blk.0.ffn_down_exps.3.weight");
  const HfNames gpt_oss(*FindHfFamily("gpt_oss"), nullptr, 1);
  EXPECT_EQ(**gpt_oss.Canonical("model.layers.0.self_attn.sinks"), "blk.0.attn_sinks.weight");
  EXPECT_EQ(**gpt_oss.Canonical("model.layers.0.mlp.experts.down_proj_bias"), "blk.0.ffn_down_exps.bias");
}

}  // namespace
}  // namespace strata
