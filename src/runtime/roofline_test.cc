#include "runtime/roofline.h"

#include <vector>

#include <gtest/gtest.h>

#include "models/tiny_model.h"
#include "runtime/model_runner.h"

namespace strata {
namespace {

constexpr Roofline kMachine{.bytes_per_second = 100, .integer_per_second = 1000, .float_per_second = 10};

TEST(Roofline, TakesTheSlowerOfReadingAndArithmetic) {
  const std::vector<OperationCost> reads = {{.weight_bytes = 150, .kv_bytes = 50, .integer_ops = 100}};
  EXPECT_DOUBLE_EQ(StepBound(reads, kMachine).seconds, 2);
  EXPECT_EQ(StepBound(reads, kMachine).by, BoundBy::kBytes);
  const std::vector<OperationCost> computes = {{.weight_bytes = 50, .integer_ops = 2000}, {.float_ops = 10}};
  EXPECT_DOUBLE_EQ(StepBound(computes, kMachine).seconds, 3);
  EXPECT_EQ(StepBound(computes, kMachine).by, BoundBy::kArithmetic);
}

TEST(Roofline, CountsASecondPlaneOnlyForTheKernelThatMakesIt) {
  const OperationCost cost{.integer_ops = 1000, .planes = 2};
  EXPECT_DOUBLE_EQ(OperationBound(cost, kMachine).seconds, 2);
  EXPECT_DOUBLE_EQ(StepBound({&cost, 1}, kMachine).seconds, 1);
}

TEST(Roofline, TakesIntegersForFloatsWhereThereIsNoPeakOfThem) {
  const OperationCost cost{.integer_ops = 100};
  EXPECT_DOUBLE_EQ(OperationBound(cost, {.bytes_per_second = 1, .float_per_second = 10}).seconds, 10);
}

std::unique_ptr<ModelRunner> LoadTiny(kernels::Activations activations, DType kv_dtype = DType::kF16) {
  auto model = std::make_shared<TinyModel>(TinyModel::Options{.dtype = DType::kQ8_0});
  auto runner =
      ModelRunner::Load(model, {.threads = 2, .kv_dtype = kv_dtype, .max_sequences = 4, .activations = activations});
  return std::move(*runner);
}

TEST(Costs, CountWhatTheModelHolds) {
  const auto runner = LoadTiny(kernels::Activations::kInt16);
  const ModelConfig& config = runner->config();
  const auto costs = runner->Costs({.sequences = 2, .rows = 3, .context = 10, .logit_rows = 2});
  OperationCost sum;
  for (const OperationCost& cost : costs) {
    sum.weight_bytes += cost.weight_bytes;
    sum.kv_bytes += cost.kv_bytes;
    sum.integer_ops += cost.integer_ops;
    sum.float_ops += cost.float_ops;
    if (cost.integer_ops > 0) EXPECT_EQ(cost.planes, 2);
  }
  const double embedded_rows = 6 * static_cast<double>(BytesOf(DType::kQ8_0, 64));
  EXPECT_LE(sum.weight_bytes, static_cast<double>(runner->memory().packed_weights) + embedded_rows);
  EXPECT_GE(sum.weight_bytes, 0.9 * static_cast<double>(runner->memory().packed_weights));
  // Behind the last layer's attention only the two rows that are wanted are computed.
  const double before_attention = 64 * (64 + 32 + 32);
  const double behind_attention = 64 * 64 + 3 * 64 * 96;
  EXPECT_DOUBLE_EQ(sum.integer_ops,
                   2 * (6 * (2 * before_attention + behind_attention) + 2 * behind_attention + 2 * 64 * 131.0));
  const double kv_token = 2.0 * static_cast<double>(config.kv_heads * config.head_dim) * sizeof(std::uint16_t);
  EXPECT_DOUBLE_EQ(sum.kv_bytes, 2 * 13 * 2 * kv_token);
  // Rows at positions 10, 11 and 12 see 11, 12 and 13 tokens: queries by keys, weights by values, in both layers.
  EXPECT_GE(sum.float_ops, 4.0 * 64 * 2 * (11 + 12 + 13) * 2);
  EXPECT_EQ(LoadTiny(kernels::Activations::kInt8)->Costs({})[2].planes, 1);
}

TEST(Costs, CountACacheOfIntegersWithItsScales) {
  constexpr StepShape kShape{.sequences = 2, .rows = 3, .context = 10, .logit_rows = 2};
  const auto floats = LoadTiny(kernels::Activations::kInt16);
  const auto integers = LoadTiny(kernels::Activations::kInt16, DType::kI16);
  const ModelConfig& config = integers->config();
  const auto of_floats = floats->Costs(kShape);
  const auto of_integers = integers->Costs(kShape);
  ASSERT_EQ(of_floats.size(), of_integers.size());
  for (std::size_t i = 0; i < of_floats.size(); ++i) {
    const double scales = of_floats[i].kv_bytes > 0 ? 2.0 * 13 * 2 * static_cast<double>(config.kv_heads) * 4 : 0;
    EXPECT_DOUBLE_EQ(of_integers[i].kv_bytes, of_floats[i].kv_bytes + scales);
    // The same products, which integers make where the processor has a kernel for it: else they are widened.
    EXPECT_DOUBLE_EQ(of_integers[i].integer_ops + of_integers[i].float_ops,
                     of_floats[i].integer_ops + of_floats[i].float_ops);
    if (of_integers[i].integer_ops > 0) EXPECT_EQ(of_integers[i].planes, 2);
  }
}

TEST(OperationTimes, AreTakenOnlyWhenAsked) {
  const auto runner = LoadTiny(kernels::Activations::kInt8);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(runner->kv().Allocate(1, table));
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  const SequenceSlice slice{tokens, 0, table, WantLogits::kLast};
  std::vector<double> seconds;
  runner->TimeOperations(&seconds);
  ASSERT_EQ(seconds.size(), runner->Costs({}).size());
  ASSERT_TRUE(runner->Run({&slice, 1}));
  for (const double time : seconds) EXPECT_GT(time, 0);
  const std::vector<double> before = seconds;
  runner->TimeOperations(nullptr);
  ASSERT_TRUE(runner->Run({&slice, 1}));
  EXPECT_EQ(seconds, before);
}

}  // namespace
}  // namespace strata
