#include "formats/fused_tensors.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace strata {
namespace {

ModelConfig Config() {
  ModelConfig config;
  config.layers = 2;
  config.hidden = 4;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_dim = 2;
  config.ffn = 3;
  return config;
}

class FusedTensors : public testing::Test {
 protected:
  /// A tensor of the numbers from 0 on.
  void Add(std::string name, Shape shape) {
    auto& values = data_.emplace_back(std::make_unique<std::vector<float>>(static_cast<std::size_t>(shape.elements())));
    std::iota(values->begin(), values->end(), 0.0F);
    tensors_.push_back({std::move(name), {DType::kF32, shape, std::as_bytes(std::span(*values))}});
  }
  const TensorView* Find(std::string_view name) const {
    const auto found = std::ranges::find(tensors_, name, &ModelTensor::name);
    return found == tensors_.end() ? nullptr : &found->view;
  }
  void Expect(std::string_view name, const Shape& shape, float first) const {
    const TensorView* view = Find(name);
    ASSERT_NE(view, nullptr) << name;
    EXPECT_EQ(view->shape, shape) << name;
    EXPECT_EQ(view->data.size(), static_cast<std::size_t>(shape.elements()) * sizeof(float)) << name;
    EXPECT_EQ(*reinterpret_cast<const float*>(view->data.data()), first) << name;
  }
  std::vector<std::unique_ptr<std::vector<float>>> data_;
  std::vector<ModelTensor> tensors_;
};

TEST_F(FusedTensors, QueriesKeysAndValuesAreRows) {
  Add("blk.1.attn_qkv.weight", {8, 4});
  Add("blk.1.attn_qkv.bias", {8});
  Add("output_norm.weight", {4});
  ASSERT_TRUE(SplitFusedTensors(Config(), tensors_));
  EXPECT_EQ(tensors_.size(), 7U);
  Expect("blk.1.attn_q.weight", {4, 4}, 0);
  Expect("blk.1.attn_k.weight", {2, 4}, 16);
  Expect("blk.1.attn_v.weight", {2, 4}, 24);
  Expect("blk.1.attn_v.bias", {2}, 6);
}

TEST_F(FusedTensors, StacksOfHeadsAreMatrices) {
  Add("blk.0.attn_k_b.weight", {2, 4, 3});
  Add("blk.0.attn_v_b.weight", {2, 5, 4});
  ModelConfig config = Config();
  config.latent = {.kv_rank = 4, .nope_dim = 3, .rope_dim = 2, .value_dim = 5};
  ASSERT_TRUE(SplitFusedTensors(config, tensors_));
  Expect("blk.0.attn_k_b.weight", {8, 3}, 0);
  Expect("blk.0.attn_v_b.weight", {10, 4}, 0);
}

TEST_F(FusedTensors, GateAndUp) {
  Add("blk.0.ffn_gate_up.weight", {6, 4});
  Add("blk.1.ffn_up.weight", {6, 4});
  ASSERT_TRUE(SplitFusedTensors(Config(), tensors_));
  for (const char* block : {"blk.0.", "blk.1."}) {
    Expect(fmt::format("{}ffn_gate.weight", block), {3, 4}, 0);
    Expect(fmt::format("{}ffn_up.weight", block), {3, 4}, 12);
  }
}

TEST_F(FusedTensors, ExpertsByTheirNumber) {
  ModelConfig config = Config();
  config.experts = {.count = 3, .used = 1, .ffn = 5};
  Add("blk.0.ffn_down_exps.weight", {3, 4, 5});
  Add("blk.0.ffn_down_exps.bias", {3, 4});
  Add("blk.0.ffn_gate_up_exps.weight", {3, 10, 4});
  ASSERT_TRUE(SplitFusedTensors(config, tensors_));
  EXPECT_EQ(tensors_.size(), 12U);
  Expect("blk.0.ffn_down_exps.2.weight", {4, 5}, 40);
  Expect("blk.0.ffn_down_exps.2.bias", {4}, 8);
  Expect("blk.0.ffn_up_exps.1.weight", {5, 4}, 60);
}

TEST_F(FusedTensors, WhatDoesNotFitIsNamed) {
  Add("blk.0.attn_qkv.weight", {9, 4});
  const Status status = SplitFusedTensors(Config(), tensors_);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().ToString().find("tensor blk.0.attn_qkv.weight is [9, 4], the config implies 8 rows"),
            std::string::npos);
  tensors_.clear();
  ModelConfig config = Config();
  config.experts = {.count = 2, .used = 1, .ffn = 5};
  Add("blk.0.ffn_down_exps.weight", {3, 4, 5});
  EXPECT_FALSE(SplitFusedTensors(config, tensors_));
}

}  // namespace
}  // namespace strata
