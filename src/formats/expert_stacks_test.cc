#include "formats/expert_stacks.h"

#include <algorithm>
#include <numeric>
#include <span>

#include <gtest/gtest.h>

namespace strata {
namespace {

class ExpertStacks : public testing::Test {
 protected:
  ExpertStacks() { config_.experts = {.count = 2, .used = 1, .ffn = 2}; }
  /// A tensor of the numbers from 0 on.
  void Add(std::string name, Shape shape) {
    auto& values = stored_.emplace_back(static_cast<std::size_t>(shape.elements()));
    std::iota(values.begin(), values.end(), 0.0F);
    tensors_.push_back({std::move(name), {DType::kF32, shape, std::as_bytes(std::span(values))}});
  }
  Status Turn(HfStacks stored) { return TurnExpertStacks(stored, config_, tensors_, copies_); }
  std::vector<float> Values(std::size_t tensor) const {
    const TensorView& view = tensors_[tensor].view;
    const auto* data = reinterpret_cast<const float*>(view.data.data());
    return {data, data + view.shape.elements()};
  }
  ModelConfig config_;
  std::vector<std::vector<float>> stored_;
  std::vector<ModelTensor> tensors_;
  std::vector<std::vector<std::byte>> copies_;
};

TEST_F(ExpertStacks, OfRowsAreLeft) {
  Add("blk.0.ffn_down_exps.weight", {2, 3, 2});
  ASSERT_TRUE(Turn(HfStacks::kRows));
  EXPECT_TRUE(copies_.empty());
}

TEST_F(ExpertStacks, ColumnsBecomeRows) {
  Add("blk.0.ffn_down_exps.weight", {2, 2, 3});
  Add("blk.0.attn_q.weight", {2, 3});
  ASSERT_TRUE(Turn(HfStacks::kColumns));
  EXPECT_EQ(tensors_[0].view.shape, (Shape{2, 3, 2}));
  EXPECT_EQ(Values(0), (std::vector<float>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
  EXPECT_EQ(tensors_[1].view.shape, (Shape{2, 3}));
}

TEST_F(ExpertStacks, PairedColumnsComeApart) {
  Add("blk.0.ffn_gate_up_exps.weight", {2, 2, 4});
  Add("blk.0.ffn_gate_up_exps.bias", {2, 4});
  Add("blk.0.ffn_down_exps.bias", {2, 2});
  ASSERT_TRUE(Turn(HfStacks::kPairedColumns));
  EXPECT_EQ(tensors_[0].view.shape, (Shape{2, 4, 2}));
  EXPECT_EQ(Values(0), (std::vector<float>{0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15}));
  EXPECT_EQ(Values(1), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(Values(2), (std::vector<float>{0, 1, 2, 3}));
}

TEST_F(ExpertStacks, OfOtherCountsAreNamed) {
  Add("blk.0.ffn_down_exps.weight", {3, 2, 3});
  const Status status = Turn(HfStacks::kColumns);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().ToString().find("blk.0.ffn_down_exps.weight is [3, 2, 3]"), std::string::npos);
}

}  // namespace
}  // namespace strata
