// Routing against an oracle that sorts, and mixtures of experts at many rows; runtime_test and golden_test have the
// rest.
#include "runtime/experts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "runtime/expert_use.h"
#include "runtime/model_runner.h"
#include "runtime/test_oracle.h"

namespace strata {
namespace {

using Scoring = ExpertsConfig::Scoring;

RouteRule RuleOf(const ExpertsConfig& config) {
  constexpr RouteRule::Scoring kScoring[] = {RouteRule::Scoring::kSoftmax, RouteRule::Scoring::kSigmoid,
                                             RouteRule::Scoring::kSoftmaxOfChosen};
  return {.experts = config.count,
          .used = config.used,
          .scoring = kScoring[static_cast<std::size_t>(config.scoring)],
          .groups = config.groups,
          .groups_used = config.groups_used,
          .group_by_two = config.group_by_two,
          .normalize = config.normalize,
          .scale = static_cast<float>(config.scale)};
}

struct Routed {
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};
Routed RouteOf(const ExpertsConfig& config, const std::vector<float>& logits, const std::vector<float>& correction) {
  const RouteRule rule = RuleOf(config);
  std::vector<float> scratch(static_cast<std::size_t>(rule.scratch_floats()));
  Routed routed{std::vector<std::int32_t>(static_cast<std::size_t>(config.used)),
                std::vector<float>(static_cast<std::size_t>(config.used))};
  Route(rule, kernels::SelectRowKernels(Cpu()), logits.data(), correction.empty() ? nullptr : correction.data(),
        scratch.data(), routed.experts.data(), routed.weights.data());
  return routed;
}

/// Numbers of a coarse grid, so that many are equal; it is not symmetric, so that sums of different ones differ.
std::vector<float> Coarse(std::size_t count, std::mt19937& random) {
  std::vector<float> values(count);
  for (float& value : values) value = 0.37F * static_cast<float>(static_cast<int>(random() % 9) - 4) + 0.11F;
  return values;
}

TEST(Routing, IsThatOfTheFormulas) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 3000; ++trial) {
    ExpertsConfig config;
    config.groups = 1 + static_cast<std::int64_t>(random() % 8);
    config.count = config.groups * (1 + static_cast<std::int64_t>(random() % 20));
    config.groups_used = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(config.groups));
    const std::int64_t most = config.count / config.groups * config.groups_used;
    config.used = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(std::min<std::int64_t>(most, 10)));
    config.scoring = static_cast<Scoring>(random() % 3);
    config.group_by_two = random() % 2 == 0;
    config.normalize = random() % 2 == 0;
    config.scale = random() % 2 == 0 ? 1 : 2.5;
    const auto count = static_cast<std::size_t>(config.count);
    const std::vector<float> logits = Coarse(count, random);
    std::vector<float> correction;
    if (random() % 2 == 0) {  // then nothing is equal but by rounding, which the oracle does otherwise
      correction.resize(count);
      for (float& value : correction) value = std::uniform_real_distribution<float>(-2, 2)(random);
    }
    const auto want = RouteOracle(config, {logits.begin(), logits.end()}, correction);
    const Routed got = RouteOf(config, logits, correction);
    ASSERT_EQ(want.size(), got.experts.size());
    for (std::size_t i = 0; i < got.experts.size(); ++i) {
      const auto found = want.find(static_cast<std::size_t>(got.experts[i]));
      ASSERT_NE(found, want.end()) << "trial " << trial << ": expert " << got.experts[i];
      EXPECT_NEAR(static_cast<double>(got.weights[i]), found->second, 1e-5 * config.scale) << "trial " << trial;
    }
  }
}

TEST(Routing, OfEqualsTakesTheFirst) {
  const Routed got = RouteOf({.count = 8, .used = 3}, std::vector<float>(8, 1.5F), {});
  EXPECT_EQ(got.experts, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(Routing, TheCorrectionChoosesButDoesNotWeigh) {
  const std::vector<float> logits = {2, 1, 0, -1};
  const Routed got = RouteOf({.count = 4, .used = 2, .scoring = Scoring::kSigmoid}, logits, {0, 0, 9, 0});
  EXPECT_EQ(got.experts, (std::vector<std::int32_t>{2, 0}));
  EXPECT_FLOAT_EQ(got.weights[0], 0.5F);
}

TEST(Routing, NaNLeavesTheExpertsDistinct) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const Scoring scoring : {Scoring::kSoftmax, Scoring::kSigmoid, Scoring::kSoftmaxOfChosen}) {
    for (const auto& logits : {std::vector<float>(8, kNaN), std::vector<float>{kNaN, 1, kNaN, 3, kNaN, 2, 0, kNaN}}) {
      Routed got = RouteOf({.count = 8, .used = 4, .groups = 4, .groups_used = 2, .scoring = scoring}, logits, {});
      std::ranges::sort(got.experts);
      EXPECT_EQ(std::ranges::adjacent_find(got.experts), got.experts.end());
      EXPECT_GE(got.experts.front(), 0);
      EXPECT_LT(got.experts.back(), 8);
    }
  }
}

constexpr ExpertsConfig kMany = {.count = 16, .used = 4, .ffn = 96, .normalize = true};
constexpr std::int64_t kVocab = 131;

struct Loaded {
  std::shared_ptr<TinyModel> model;
  std::unique_ptr<ModelRunner> runner;
};
Loaded Load(const TinyModel::Options& options, std::optional<kernels::Activations> activations = {}) {
  auto model = std::make_shared<TinyModel>(options);
  auto runner = ModelRunner::Load(model, {.threads = 2,
                                          .kv_dtype = DType::kF32,
                                          .max_sequences = 8,
                                          .max_step_tokens = 300,
                                          .max_logit_rows = 300,
                                          .activations = activations});
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  return {std::move(model), runner ? std::move(*runner) : nullptr};
}

std::vector<std::int32_t> SomeTokens(std::int64_t count, std::int64_t seed) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::int32_t>((i * 37 + seed * 11) % kVocab));
  return tokens;
}

/// All logits of sequences of these lengths, computed in one step.
std::vector<std::vector<float>> Together(ModelRunner& runner, const std::vector<std::vector<std::int32_t>>& tokens) {
  std::vector<std::vector<std::int32_t>> tables(tokens.size());
  std::vector<SequenceSlice> slices;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_TRUE(runner.kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(tokens[i].size())), tables[i]));
    slices.push_back({tokens[i], 0, tables[i], WantLogits::kAll});
  }
  const auto logits = runner.Run(slices);
  EXPECT_TRUE(logits);
  std::vector<std::vector<float>> all;
  const float* at = logits->data;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const float* end = at + static_cast<std::int64_t>(tokens[i].size()) * kVocab;
    all.emplace_back(at, end);
    at = end;
    runner.kv().Release(tables[i]);
  }
  return all;
}

class ManyRows : public testing::TestWithParam<DType> {};

TEST_P(ManyRows, EqualTheOracleAndEachAlone) {
  ExpertsConfig config = kMany;
  if (!Info(GetParam()).quantized()) config.ffn = 40;  // no whole panels
  const Loaded loaded = Load({.dtype = GetParam(), .experts = config}, kernels::Activations::kInt16);
  const Loaded by_default = Load({.dtype = GetParam(), .experts = config});
  ASSERT_TRUE(loaded.runner && by_default.runner);
  const double tolerance = Info(GetParam()).quantized() ? 3e-4 : 1e-4;
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{1}, {2}, {7}, {1, 1, 1, 1, 1}, {64}, {100, 100, 100}}) {
    std::vector<std::vector<std::int32_t>> tokens;
    tokens.reserve(lengths.size());
    for (const std::int64_t length : lengths)
      tokens.push_back(SomeTokens(length, static_cast<std::int64_t>(tokens.size())));
    const auto together = Together(*loaded.runner, tokens), others = Together(*by_default.runner, tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(together[i], Together(*loaded.runner, {tokens[i]})[0]) << lengths.size() << " of " << lengths[0];
      EXPECT_EQ(others[i], Together(*by_default.runner, {tokens[i]})[0]) << lengths.size() << " of " << lengths[0];
      const auto want = Oracle(*loaded.model).Run(tokens[i]);
      double error = 0, norm = 0;
      for (std::size_t j = 0; j < want.size(); ++j) {
        const double difference = static_cast<double>(together[i][j]) - want[j];
        error += difference * difference;
        norm += want[j] * want[j];
      }
      EXPECT_LT(std::sqrt(error / norm), tolerance) << lengths.size() << " of " << lengths[0];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ManyRows, testing::Values(DType::kF32, DType::kBF16, DType::kQ8_0),
                         [](const auto& type) { return std::string(Info(type.param).name); });

TEST(ExpertUse, CountsTheRowsOfEachExpert) {
  auto model = std::make_shared<TinyModel>(TinyModel::Options{.biases = true, .experts = kMany});
  for (int layer = 0; layer < 2; ++layer) {
    // The choice hangs on the correction alone: one expert more than others has every row, and one has none.
    std::vector<float> correction(16, 0);
    correction[5] = 100;
    correction[9] = -100;
    model->PutValues(fmt::format("blk.{}.exp_probs_b.bias", layer), {16}, correction);
  }
  auto runner = ModelRunner::Load(model, {.threads = 2, .max_sequences = 1, .max_step_tokens = 64});
  ASSERT_TRUE(runner) << runner.error().ToString();
  std::vector<std::int32_t> table;
  ASSERT_TRUE((*runner)->kv().Allocate(4, table));
  const auto tokens = SomeTokens(33, 1);
  const SequenceSlice slice{tokens, 0, table,
                            WantLogits::kAll};  // behind the last attention there are only wanted rows
  ASSERT_TRUE((*runner)->Run({&slice, 1}));
  const auto use = (*runner)->expert_use();
  ASSERT_EQ(use.size(), 2U);
  for (const auto& [value, rows] : use) {
    EXPECT_EQ(rows[5], 33U) << value;
    EXPECT_EQ(rows[9], 0U) << value;
    EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), std::uint64_t{0}), 4 * 33U) << value;
  }
}

TEST(ExpertUse, IsTold) {
  const std::vector<std::uint64_t> even(8, 5), skewed = {0, 60, 10, 10, 10, 10, 0, 0}, none(8, 0);
  EXPECT_EQ(DescribeExpertUse({}), "");
  const std::vector<ModelRunner::ExpertUse> use = {{"a", even}, {"b", skewed}, {"c", none}};
  EXPECT_EQ(DescribeExpertUse(use),
            "  a                      40 rows at 8 experts, the busiest 1.00 times its share, half of all at 4\n"
            "  b                     100 rows at 8 experts, the busiest 4.80 times its share, half of all at 1\n");
}

TEST(ExpertCost, CountsTheExpertsThatRowsAreExpectedToReach) {
  const Loaded loaded = Load({.dtype = DType::kQ8_0, .experts = kMany});
  const auto cost_of = [&](std::int64_t rows) {
    for (const OperationCost& cost : loaded.runner->Costs({.rows = rows})) {
      if (cost.value == "l0_experts") return cost;
    }
    return OperationCost{};
  };
  EXPECT_GT(cost_of(1).weight_bytes, 0);
  EXPECT_DOUBLE_EQ(cost_of(2).weight_bytes,
                   (1 + 12.0 / 16) * cost_of(1).weight_bytes);  // 4 of 16, then 4 of the other 12
  EXPECT_NEAR(cost_of(2).other_bytes, 4 * cost_of(1).weight_bytes - cost_of(2).weight_bytes, 1);
  EXPECT_NEAR(cost_of(1000).weight_bytes, 4 * cost_of(1).weight_bytes, 1e-6 * cost_of(1).weight_bytes);
}

TEST(ExpertPlan, ComputesRoutersWithExactActivations) {
  const Loaded loaded = Load({.dtype = DType::kQ8_0, .experts = kMany});
  const auto graph = loaded.runner->Describe("plan");
  ASSERT_TRUE(graph);
  int routers = 0;
  for (std::size_t at = graph->find("_router "); at != std::string::npos; at = graph->find("_router ", at + 1)) {
    const std::string line = graph->substr(at, graph->find('\n', at) - at);
    EXPECT_EQ(line.find("_int"), std::string::npos) << line;
    ++routers;
  }
  EXPECT_EQ(routers, 2);
}

}  // namespace
}  // namespace strata
