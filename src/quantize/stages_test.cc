// Stages: cutting a model's graph, and running the pieces one after another.
#include "quantize/stages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/models.h"
#include "models/tiny_model.h"
#include "quantize/calibration.h"
#include "runtime/model_runner.h"

namespace strata::quantize {
namespace {

Workers& TestWorkers() {
  static Workers workers(2);
  return workers;
}

std::vector<std::int32_t> Ids(std::int32_t count) {
  std::vector<std::int32_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) ids.push_back(i * 37 % 131);
  return ids;
}

std::vector<std::set<std::string>> WeightsByStage(const TinyModel& model) {
  const auto graph = models::BuildGraph(model);
  EXPECT_TRUE(graph) << graph.error().ToString();
  std::vector<std::set<std::string>> stages;
  for (const Stage& stage : FindStages(*graph)) {
    std::set<std::string>& names = stages.emplace_back();
    for (graph::ValueId id = std::max(stage.in, 0); id <= stage.out; ++id) {
      const graph::Node& node = graph->node(id);
      if (node.op == graph::Op::kLinear) names.insert(graph::StringAttribute(graph->node(node.inputs[1]), "name"));
    }
  }
  return stages;
}

TEST(Stages, AreAttentionAndMlpOfEachLayer) {
  const auto stages = WeightsByStage(TinyModel({}));
  ASSERT_EQ(stages.size(), 4U);
  EXPECT_EQ(stages[0], (std::set<std::string>{"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight",
                                              "blk.0.attn_output.weight"}));
  EXPECT_EQ(stages[3],
            (std::set<std::string>{"blk.1.ffn_gate.weight", "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"}));
}

/// What linears read when the model runs whole, in windows, by weight.
using Inputs = std::map<std::string, std::vector<float>, std::less<>>;

Inputs InputsOfWhole(const std::shared_ptr<const ModelFile>& model, const std::vector<std::int32_t>& ids,
                     std::int64_t window) {
  auto runner = ModelRunner::Load(model, {.threads = 1,
                                          .max_context = window,
                                          .kv_dtype = DType::kF32,
                                          .max_sequences = 1,
                                          .max_step_tokens = window,
                                          .prefill_linears = {}});
  EXPECT_TRUE(runner) << runner.error().ToString();
  Inputs inputs;
  (*runner)->ObserveLinears([&](const LinearInput& input) {
    for (const std::string& name : input.weights) {
      std::vector<float>& rows = inputs[name];
      rows.insert(rows.end(), input.values, input.values + input.rows * input.columns);
    }
  });
  for (std::size_t at = 0; at < ids.size(); at += static_cast<std::size_t>(window)) {
    std::vector<std::int32_t> table;
    EXPECT_TRUE((*runner)->kv().Allocate(KvPool::BlocksFor(window), table));
    const std::size_t count = std::min(ids.size() - at, static_cast<std::size_t>(window));
    const SequenceSlice slice{.tokens = std::span(ids).subspan(at, count),
                              .block_table = table,
                              .logits = WantLogits::kAll,
                              .phase = Phase::kPrefill,
                              .prompt = static_cast<std::int64_t>(count)};
    EXPECT_TRUE((*runner)->Run({&slice, 1}));
    (*runner)->kv().Release(table);
  }
  return inputs;
}

/// Of length 1, which leaves out what a row is weighted by.
std::vector<float> Direction(std::span<const float> row) {
  const float length = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0F));
  std::vector<float> direction(row.begin(), row.end());
  for (float& value : direction) value /= length;
  return direction;
}

class StageRuns : public testing::TestWithParam<TinyModel::Options> {};

TEST_P(StageRuns, OneAfterAnotherAreTheModel) {
  const auto model = std::make_shared<const TinyModel>(GetParam());
  const std::vector<std::int32_t> ids = Ids(70);
  const Inputs whole = InputsOfWhole(model, ids, 32);
  std::size_t compared = 0;
  const Status status = ForStages(
      TestWorkers(), model, {ids, 32}, 2, nullptr,
      [&](const graph::Graph&, const LinearWeights& weights, const Calibration& calibration) -> Result<Tensors> {
        for (const std::string& name : weights.hidden) {
          const auto known = whole.find(name);
          const InputStatistics& inputs = *calibration.at(name);
          if (known == whole.end()) {
            EXPECT_EQ(inputs.rows(), 0) << name;
            continue;
          }
          ++compared;
          const auto columns = static_cast<std::size_t>(inputs.columns());
          EXPECT_EQ(inputs.sample().size(), known->second.size()) << name;  // so few are all in it
          for (std::size_t at = 0; at < inputs.sample().size(); at += columns) {
            const std::vector<float> row = Direction(inputs.sample().subspan(at, columns));
            const std::vector<float> want = Direction(std::span(known->second).subspan(at, columns));
            for (std::size_t c = 0; c < columns; ++c) EXPECT_NEAR(row[c], want[c], 1e-4F) << name << " " << c;
          }
        }
        return Tensors();
      });
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_GE(compared, 14U);
}

INSTANTIATE_TEST_SUITE_P(Models, StageRuns,
                         testing::Values(TinyModel::Options{}, TinyModel::Options{.tied = false, .biases = true},
                                         TinyModel::Options{
                                             .experts = ExpertsConfig{.count = 4, .used = 2, .ffn = 32}}));

/// Behind attention and in the MLP a token's row is its own; queries, keys and values go into other rows.
TEST(StageRunsTest, WeighTheRowsThatStayTheirOwn) {
  const auto model = std::make_shared<const TinyModel>(TinyModel::Options{});
  std::set<std::string> by_row;
  const Status status =
      ForStages(TestWorkers(), model, {Ids(64), 32}, 1, nullptr,
                [&](const graph::Graph&, const LinearWeights& weights, const Calibration& calibration) {
                  by_row.insert(weights.by_row.begin(), weights.by_row.end());
                  for (const std::string& name : weights.hidden) {
                    EXPECT_EQ(calibration.at(name)->rows(), 64);
                    EXPECT_EQ(calibration.at(name)->weight() == 64, !weights.by_row.contains(name)) << name;
                  }
                  return Result<Tensors>(Tensors());
                });
  ASSERT_TRUE(status) << status.error().ToString();
  std::set<std::string> want;
  for (const char* layer : {"blk.0.", "blk.1."}) {
    for (const char* part : {"attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
      want.insert(std::string(layer) + part + ".weight");
    }
  }
  EXPECT_EQ(by_row, want);
}

/// What a stage becomes, the stages after it read.
TEST(StageRunsTest, ReadWhatRoundedStagesGive) {
  const auto model = std::make_shared<const TinyModel>(TinyModel::Options{});
  const std::vector<std::int32_t> ids = Ids(64);
  const auto norms_of_second_layer = [&](bool silence) {
    float sum = 0;
    const Status status =
        ForStages(TestWorkers(), model, {ids, 32}, 1, nullptr,
                  [&](const graph::Graph&, const LinearWeights&, const Calibration& calibration) -> Result<Tensors> {
                    if (const auto second = calibration.find("blk.1.attn_q.weight"); second != calibration.end()) {
                      for (std::int64_t c = 0; c < second->second->columns(); ++c) sum += second->second->gram(c, c);
                    }
                    const std::string down = "blk.0.ffn_down.weight";
                    if (!silence || !calibration.contains(down)) return Tensors();
                    const Shape& shape = model->FindTensor(down)->shape;
                    std::vector<float> zeros(static_cast<std::size_t>(shape.elements()));
                    return Tensors{{down, {shape.rows(), shape.cols(), std::move(zeros)}}};
                  });
    EXPECT_TRUE(status) << status.error().ToString();
    return sum;
  };
  EXPECT_NE(norms_of_second_layer(false), norms_of_second_layer(true));
}

}  // namespace
}  // namespace strata::quantize
