// What is particular to the files of each family of dense decoders: defaults, windows, and what is refused by name.
// Their logits are tested from whole checkpoints (runtime/golden_test.cc).
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "formats/hf_config.h"
#include "formats/hf_names.h"

namespace strata {
namespace {

using nlohmann::json;
using testing::ElementsAre;

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

std::string ErrorOf(const json& config) {
  const auto read = ParseHuggingFaceConfig(config.dump(), "config.json");
  return read ? "" : read.error().ToString();
}

std::vector<std::int64_t> Windows(const ModelConfig& config) {
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) windows.push_back(config.attention_of(layer).window);
  return windows;
}

TEST(Qwen, SlidesWhereItIsToldFromALayerOn) {
  for (const char* type : {"qwen2", "qwen3"}) {
    json config = Config(type, {{"sliding_window", 7}, {"max_window_layers", 3}});
    EXPECT_THAT(Windows(Parse(config)), ElementsAre(0, 0, 0, 0));
    config["use_sliding_window"] = true;
    EXPECT_THAT(Windows(Parse(config)), ElementsAre(0, 0, 0, 7));
    config["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "sliding_attention"};
    EXPECT_THAT(Windows(Parse(config)), ElementsAre(7, 0, 0, 7));
    config["use_sliding_window"] = false;
    EXPECT_EQ(ErrorOf(config), "config.json: /layer_types/0: sliding_attention, but use_sliding_window is false");
  }
  EXPECT_TRUE(Parse(Config("qwen2")).attention_bias);
  EXPECT_FALSE(Parse(Config("qwen3")).attention_bias);
  EXPECT_EQ(Parse(Config("qwen3")).head_dim, 128);
}

TEST(Windows, NeedALengthAndAKindForEachLayer) {
  EXPECT_EQ(ErrorOf(Config("gemma2", {{"layer_types", {"full_attention"}}})),
            "config.json: /layer_types: must be a list of 4 kinds");
  const json kinds = {"full_attention", "full_attention", "chunked_attention", "full_attention"};
  EXPECT_EQ(ErrorOf(Config("gemma2", {{"layer_types", kinds}})),
            "config.json: /layer_types/2: chunked_attention is not supported");
  json none = Config("gemma2", {{"layer_types", {"full_attention", "sliding_attention", "full_attention", 1}}});
  none["sliding_window"] = nullptr;
  EXPECT_EQ(ErrorOf(none), "config.json: /layer_types/1: sliding_attention without a window");
  none["sliding_window"] = 5;
  EXPECT_EQ(ErrorOf(none), "config.json: /layer_types/3: number is not supported");
  EXPECT_EQ(ErrorOf(Config("mistral", {{"sliding_window", -1}})), "config.json: /sliding_window: is -1");
  const json mixed = {"sliding_attention", "full_attention", "sliding_attention", "sliding_attention"};
  EXPECT_EQ(ErrorOf(Config("mistral", {{"sliding_window", 5}, {"layer_types", mixed}})),
            "config.json: /layer_types/1: full_attention in a model whose layers all have a window");
}

TEST(Gemma, AssumesWhatItsClassAssumes) {
  json two = Config("gemma2", {{"max_position_embeddings", 8192}});
  const ModelConfig config = Parse(two);
  EXPECT_THAT(Windows(config), ElementsAre(4096, 0, 4096, 0));
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.attention_scale, 1.0 / 16);
  EXPECT_EQ(config.attention_softcap, 50);
  EXPECT_EQ(config.logit_softcap, 30);
  EXPECT_EQ(config.embedding_scale, 8);
  EXPECT_EQ(config.norm_offset, 1);
  EXPECT_EQ(config.activation, "gelu_pytorch_tanh");
  EXPECT_TRUE(config.tied_embeddings);
  two["attn_logit_softcapping"] = nullptr;
  EXPECT_EQ(Parse(two).attention_softcap, 0);
  two["attn_logit_softcapping"] = -1;
  EXPECT_EQ(ErrorOf(two), "config.json: /attn_logit_softcapping: is -1");
  EXPECT_EQ(ErrorOf(Config("gemma2", {{"use_bidirectional_attention", true}})),
            "config.json: /use_bidirectional_attention: is not supported");
}

TEST(Gemma, RotatesItsSlidingLayersOnTheirOwn) {
  const json old = {{"rope_theta", 5e5},
                    {"rope_local_base_freq", 777.0},
                    {"sliding_window_pattern", 2},
                    {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}};
  const json now = {{"sliding_window_pattern", 2},
                    {"rope_parameters",
                     {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 5e5}}},
                      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 777.0}}}}}};
  for (const json& more : {old, now}) {
    const ModelConfig config = Parse(Config("gemma3_text", more));
    EXPECT_EQ(config.rope_theta, 5e5);
    EXPECT_EQ(config.local_rope_theta, 777);
    EXPECT_EQ(config.rope_scaling.factor, 8);
    EXPECT_TRUE(config.attention_of(0).local_rope);
    EXPECT_FALSE(config.attention_of(1).local_rope);
  }
  EXPECT_EQ(Parse(Config("gemma3_text")).rope_theta, 1e6);
  EXPECT_EQ(Parse(Config("gemma3_text")).local_rope_theta, 1e4);
  EXPECT_THAT(ErrorOf(Config("gemma3_text", {{"rope_parameters", {{"rope_theta", 1e4}}}})),
              testing::HasSubstr("/rope_parameters/rope_theta: positions must be those of a kind of layers"));
  EXPECT_THAT(ErrorOf(Config("gemma3_text", {{"rope_parameters",
                                              {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}}}})),
              testing::HasSubstr("/rope_parameters/sliding_attention/rope_type: linear is not supported for sliding"));
}

TEST(Gemma, MayHaveEyes) {
  const json text = {{"hidden_size", 64}, {"intermediate_size", 6}, {"num_hidden_layers", 2}, {"sliding_window", 9}};
  json config = {
      {"model_type", "gemma3"}, {"eos_token_id", {1, 106}}, {"text_config", text}, {"vision_config", {{"x", 1}}}};
  const ModelConfig read = Parse(config);
  EXPECT_EQ(read.architecture, "gemma3");
  EXPECT_EQ(read.vocab, 262208);
  EXPECT_EQ(read.heads, 8);
  EXPECT_EQ(read.kv_heads, 4);
  EXPECT_THAT(read.eos_token_ids, ElementsAre(1, 106));
  EXPECT_THAT(Windows(read), ElementsAre(9, 9));
  config["text_config"]["hidden_size"] = 0;
  EXPECT_EQ(ErrorOf(config), "config.json: /text_config/hidden_size: is 0");
  config["text_config"]["hidden_size"] = 64;
  config["text_config"]["model_type"] = "gemma9_text";
  EXPECT_EQ(ErrorOf(config),
            "config.json: /text_config/model_type: gemma9_text is not supported (supported: gemma3_text)");
  config["text_config"]["model_type"] = "gemma3_text";
  config["quantization_config"] = {{"quant_method", "nobody's"}};
  EXPECT_THAT(ErrorOf(config), testing::HasSubstr("config.json: /quantization_config/quant_method: "));
  config.erase("text_config");
  config.erase("quantization_config");
  EXPECT_EQ(ErrorOf(config), "config.json: /text_config: is missing");
}

TEST(Phi3, RotatesAPartAndScalesByLongropeAlone) {
  EXPECT_EQ(Parse(Config("phi3", {{"partial_rotary_factor", 0.75}})).rotary_dim, 12);
  EXPECT_THAT(ErrorOf(Config("phi3", {{"partial_rotary_factor", 0.7}})),
              testing::HasSubstr("/partial_rotary_factor: 0.7 of heads of 16 elements"));
  json scaled = Config("phi3", {{"rope_scaling", {{"type", "su"}, {"short_factor", json::array()}}}});
  EXPECT_THAT(ErrorOf(scaled), testing::HasSubstr("/original_max_position_embeddings: is missing"));
  scaled["original_max_position_embeddings"] = 50;
  for (int i = 0; i < 8; ++i) scaled["rope_scaling"]["short_factor"].push_back(1.5);
  EXPECT_EQ(Parse(scaled).rope_scaling.kind, RopeScaling::Kind::kLongRope);
  EXPECT_EQ(Parse(scaled).max_positions, 50);
  scaled["rope_scaling"]["type"] = "yarn";
  EXPECT_THAT(ErrorOf(scaled), testing::HasSubstr("/rope_scaling/type: yarn is not supported (supported: longrope)"));
}

TEST(Glm4, RotatesHalfOfAHeadInNeighbouringPairs) {
  const ModelConfig config = Parse(Config("glm4", {{"head_dim", 32}}));
  EXPECT_EQ(config.rotary_dim, 16);
  EXPECT_EQ(config.rope_layout, RopeLayout::kInterleaved);
  EXPECT_TRUE(config.attention_bias);
}

TEST(SmolLM3, HasLayersWithoutPositions) {
  const auto rotated = [](const ModelConfig& config) {
    std::vector<bool> layers;
    for (std::int64_t i = 0; i < config.layers; ++i) layers.push_back(config.attention_of(i).rotated);
    return layers;
  };
  EXPECT_THAT(rotated(Parse(Config("smollm3"))), ElementsAre(true, true, true, false));
  json config = Config("smollm3", {{"no_rope_layer_interval", 2}});
  EXPECT_THAT(rotated(Parse(config)), ElementsAre(true, false, true, false));
  config["no_rope_layers"] = {0, 1, 1, 1};
  EXPECT_THAT(rotated(Parse(config)), ElementsAre(false, true, true, true));
  config.merge_patch({{"use_sliding_window", true}, {"sliding_window", 9}});
  EXPECT_THAT(Windows(Parse(config)), ElementsAre(9, 0, 0, 0));
  config["no_rope_layers"] = {0, 1};
  EXPECT_EQ(ErrorOf(config), "config.json: /no_rope_layers: must be 4 numbers");
}

TEST(Granite, HasFactors) {
  const ModelConfig config = Parse(Config("granite", {{"embedding_multiplier", 12},
                                                      {"attention_multiplier", 0.015625},
                                                      {"residual_multiplier", 0.22},
                                                      {"logits_scaling", 8.0}}));
  EXPECT_EQ(config.embedding_scale, 12);
  EXPECT_EQ(config.attention_scale, 1.0 / 64);
  EXPECT_EQ(config.residual_scale, 0.22);
  EXPECT_EQ(config.logit_scale, 0.125);
  EXPECT_EQ(Parse(Config("granite")).attention_scale, 1);
  EXPECT_EQ(ErrorOf(Config("granite", {{"logits_scaling", 0}})), "config.json: /logits_scaling: is 0");
}

TEST(Names, FollowTheFamily) {
  const auto canonical = [](const HfFamily& family, std::string_view name) {
    const auto found = HfNames(family, nullptr, 4).Canonical(name);
    return found ? found->value_or("none") : found.error().ToString();
  };
  EXPECT_EQ(canonical(kHfLlama, "model.layers.3.post_attention_layernorm.weight"), "blk.3.ffn_norm.weight");
  EXPECT_EQ(canonical(kHfGemma2, "model.layers.3.post_attention_layernorm.weight"), "blk.3.post_attention_norm.weight");
  EXPECT_EQ(canonical(kHfGlm4, "model.layers.3.post_attention_layernorm.weight"), "blk.3.ffn_norm.weight");
  EXPECT_EQ(canonical(kHfGlm4, "model.layers.3.post_self_attn_layernorm.weight"), "blk.3.post_attention_norm.weight");
  EXPECT_EQ(canonical(kHfPhi3, "model.layers.0.self_attn.qkv_proj.weight"), "blk.0.attn_qkv.weight");
  EXPECT_EQ(canonical(kHfQwen3, "model.layers.1.self_attn.k_norm.weight"), "blk.1.attn_k_norm.weight");
  for (const char* name : {"language_model.model.norm.weight", "model.language_model.norm.weight"}) {
    EXPECT_EQ(canonical(kHfGemma3, name), "output_norm.weight");
  }
  EXPECT_EQ(canonical(kHfGemma3, "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight"), "none");
  EXPECT_THAT(canonical(kHfQwen2, "model.layers.1.self_attn.k_norm.weight"),
              testing::HasSubstr("the layers of a qwen2 have no self_attn.k_norm"));
}

}  // namespace
}  // namespace strata
