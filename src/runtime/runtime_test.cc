#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "models/models.h"
#include "models/tiny_deepseek.h"
#include "models/tiny_model.h"
#include "runtime/arena_layout.h"
#include "runtime/model_runner.h"
#include "runtime/operation.h"
#include "runtime/test_oracle.h"
#include "runtime/test_prefill.h"

namespace strata {
namespace {

TEST(ArenaLayout, ReusesWhatWasFreed) {
  ArenaLayout layout;
  const std::size_t a = layout.Allocate(100), b = layout.Allocate(64);
  EXPECT_EQ(a, 0U);
  EXPECT_EQ(b, 128U);
  layout.Free(a);
  EXPECT_EQ(layout.Allocate(128), 0U);
  EXPECT_EQ(layout.Allocate(1), 192U);
  EXPECT_EQ(layout.size(), 256U);
}

TEST(ArenaLayout, SkipsHolesThatAreTooSmall) {
  ArenaLayout layout;
  const std::size_t a = layout.Allocate(64);
  layout.Allocate(64);
  layout.Free(a);
  EXPECT_EQ(layout.Allocate(128), 128U);
  EXPECT_EQ(layout.Allocate(64), 0U);
}

/// Two sequences' rows in one step, as operations see them.
Step StepOf(ThreadTeam& team) {
  Step step{};
  step.team = &team;
  step.tokens = {0, 0, 0, 0, 0};
  step.positions = {7, 8, 40, 41, 42};
  step.sequences = {{.row_begin = 2, .row_count = 3, .position_begin = 40, .block_table = nullptr},
                    {.row_begin = 0, .row_count = 2, .position_begin = 7, .block_table = nullptr}};
  return step;
}

TEST(WorkQueue, SharesCoverEveryUnitOnceAndSayWhatIsNext) {
  constexpr int kRanks = 3;
  ThreadTeam team(kRanks);
  WorkQueue queue;
  for (const std::int64_t group : {1, 2, 6}) {
    for (const std::int64_t count : {1, 2, 5, 48, 100, 1056}) {
      std::vector<std::atomic<int>> taken(static_cast<std::size_t>(count));
      std::atomic<bool> foretold = true, whole = true;
      queue.Reset();
      team.Run([&](int rank) {
        std::int64_t expected = -2;  // of the first nothing is known
        queue.DrainShares(rank, kRanks, count, group, [&](std::int64_t begin, std::int64_t end, std::int64_t next) {
          if (expected != -2 && expected != begin) foretold = false;
          if (begin % group != 0 || (end % group != 0 && end != count)) whole = false;
          expected = next;
          for (std::int64_t i = begin; i < end; ++i) ++taken[static_cast<std::size_t>(i)];
        });
        if (expected != -2 && expected != WorkQueue::kNone) foretold = false;
      });
      EXPECT_TRUE(std::ranges::all_of(taken, [](const auto& times) { return times == 1; })) << count << " by " << group;
      EXPECT_TRUE(foretold) << count << " by " << group;
      EXPECT_TRUE(whole) << count << " by " << group;
    }
  }
}

TEST(RopeOperation, TurnsEachRowByItsPosition) {
  ThreadTeam team(2);
  const Step step = StepOf(team);
  std::vector<float> in(5 * 16, 1.0F), out(5 * 16);
  RopeOperation rope;
  rope.kernels = &kernels::SelectRowKernels(Cpu());
  rope.heads = 2;
  rope.head_dim = 8;
  rope.inv_freq = {1, 0.5F, 0.25F, 0.125F};
  rope.rope = {rope.inv_freq.data(), 8, 1, kernels::RopeStyle::kHalves};
  rope.in = {in.data(), 16};
  rope.out = {out.data(), 16};
  team.Run([&](int rank) { rope.Run(rank, step); });
  constexpr double kPositions[] = {7, 8, 40, 41, 42};
  for (std::size_t row = 0; row < 5; ++row) {
    for (std::size_t i = 0; i < 4; ++i) {
      const double angle = kPositions[row] * static_cast<double>(rope.inv_freq[i]);
      EXPECT_NEAR(static_cast<double>(out[row * 16 + 8 + i]), std::cos(angle) - std::sin(angle), 1e-6);
      EXPECT_NEAR(static_cast<double>(out[row * 16 + 12 + i]), std::cos(angle) + std::sin(angle), 1e-6);
    }
  }
}

TEST(RmsNormOperation, NormsGroupsByThemselves) {
  ThreadTeam team(2);
  const Step step = StepOf(team);
  std::vector<float> in, out(5 * 16);
  for (int i = 0; i < 5 * 16; ++i) in.push_back(i % 16 < 8 ? 3.0F : -5.0F);
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6, 7, 8};
  RmsNormOperation norm;
  norm.kernels = &kernels::SelectRowKernels(Cpu());
  norm.weight = weight.data();
  norm.cols = 16;
  norm.group = 8;
  norm.in = {in.data(), 16};
  norm.out = {out.data(), 16};
  team.Run([&](int rank) { norm.Run(rank, step); });
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(out[i]), (i % 16 < 8 ? 1.0 : -1.0) * static_cast<double>(i % 8 + 1), 1e-5);
  }
}

TEST(KvPool, AllocatesAllOrNothing) {
  auto pool = KvPool::Create({.layers = 1, .kv_heads = 1, .head_dim = 16}, 4);
  ASSERT_TRUE(pool);
  std::vector<std::int32_t> table;
  EXPECT_TRUE((*pool)->Allocate(3, table));
  EXPECT_EQ(table.size(), 3U);
  const Status refused = (*pool)->Allocate(2, table);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ((*pool)->free_blocks(), 1);
  (*pool)->Release(table);
  EXPECT_EQ((*pool)->free_blocks(), 4);
}

TEST(KvPool, SharedBlocksAreFreedByTheLastOwner) {
  auto pool = KvPool::Create({.layers = 2, .kv_heads = 1, .head_dim = 16}, 2);
  ASSERT_TRUE(pool);
  std::vector<std::int32_t> table;
  ASSERT_TRUE((*pool)->Allocate(1, table));
  (*pool)->AddReference(table[0]);
  (*pool)->Release(table[0]);
  EXPECT_EQ((*pool)->free_blocks(), 1);
  (*pool)->Release(table[0]);
  EXPECT_EQ((*pool)->free_blocks(), 2);
}

TEST(KvPool, LayersDoNotOverlap) {
  auto pool = KvPool::Create({.layers = 3, .kv_heads = 2, .head_dim = 16}, 5);
  ASSERT_TRUE(pool);
  const std::int64_t bytes = kernels::KvLayer::BlockBytes(2, 16, DType::kF32);
  EXPECT_EQ((*pool)->layer(1).base - (*pool)->layer(0).base, bytes);
  EXPECT_EQ((*pool)->bytes(), static_cast<std::uint64_t>(3 * 5 * bytes));
}

TEST(KvPool, HoldsOneLatentRowATokenAndLayer) {
  // DeepSeek-V3's shape: 1,152 bytes a token and layer.
  constexpr std::int64_t kTokenBytes = 1152;
  auto pool = KvPool::Create({.layers = 61, .kv_rank = 512, .rope_dim = 64, .dtype = DType::kBF16}, 2);
  ASSERT_TRUE(pool);
  EXPECT_EQ((*pool)->bytes(), static_cast<std::uint64_t>(2 * kernels::kKvBlock * 61 * kTokenBytes));
  EXPECT_EQ((*pool)->latent_layer(1).base - (*pool)->latent_layer(0).base, kernels::kKvBlock * kTokenBytes);
  EXPECT_EQ((*pool)->latent_layer(0).block_stride, 61 * kernels::kKvBlock * kTokenBytes);
}

std::unique_ptr<ModelRunner> Load(const TinyModel::Options& options, int threads = 2,
                                  std::optional<kernels::Activations> activations = {}) {
  auto runner = ModelRunner::Load(std::make_shared<TinyModel>(options), {.threads = threads,
                                                                         .kv_dtype = DType::kF32,
                                                                         .max_sequences = 8,
                                                                         .max_step_tokens = 96,
                                                                         .activations = activations});
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  return runner ? std::move(*runner) : nullptr;
}

std::vector<std::int32_t> SomeTokens(int count, int seed = 1) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + seed * 11) % 131);
  return tokens;
}

std::vector<std::int32_t> Table(ModelRunner& runner, std::int64_t tokens) {
  std::vector<std::int32_t> table;
  EXPECT_TRUE(runner.kv().Allocate(KvPool::BlocksFor(tokens), table));
  return table;
}

std::vector<float> Copy(const LogitsView& logits) { return {logits.data, logits.data + logits.rows * logits.width}; }

/// All logits of one prompt, in one step.
std::vector<float> Whole(ModelRunner& runner, const std::vector<std::int32_t>& tokens, Phase phase = Phase::kDecode) {
  const auto table = Table(runner, static_cast<std::int64_t>(tokens.size()));
  const SequenceSlice slice{tokens, 0, table, WantLogits::kAll, RowResult::kLogits, phase};
  const auto logits = runner.Run({&slice, 1});
  EXPECT_TRUE(logits);
  runner.kv().Release(table);
  return Copy(*logits);
}

constexpr ExpertsConfig kExperts = {.count = 6, .used = 3, .ffn = 32};
constexpr ExpertsConfig kGrouped = {.count = 12,
                                    .used = 4,
                                    .ffn = 64,
                                    .shared_ffn = 96,
                                    .groups = 4,
                                    .groups_used = 2,
                                    .group_by_two = true,
                                    .scoring = ExpertsConfig::Scoring::kSigmoid,
                                    .normalize = true,
                                    .scale = 2.5};
constexpr ExpertsConfig kWeighingX = {.count = 5,
                                      .used = 1,
                                      .ffn = 64,
                                      .shared_ffn = 32,
                                      .scoring = ExpertsConfig::Scoring::kSigmoid,
                                      .weigh_input = true};

struct Variant {
  const char* name;
  TinyModel::Options options;
  double tolerance;  ///< relative, of the whole vector
};

class Variants : public testing::TestWithParam<Variant> {};

TEST_P(Variants, EqualTheOracle) {
  const auto tokens = SomeTokens(40);
  const auto want = Oracle(TinyModel(GetParam().options)).Run(tokens);
  const auto error_of = [&](std::optional<kernels::Activations> activations) {
    const auto got = Whole(*Load(GetParam().options, 2, activations), tokens);
    EXPECT_EQ(got.size(), want.size());
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      error += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
      norm += want[i] * want[i];
    }
    return std::sqrt(error / norm);
  };
  EXPECT_LT(error_of(kernels::Activations::kInt16), GetParam().tolerance);
  // What nobody asks for may be bf16. Experts that are nearly equal are chosen otherwise then.
  if (!GetParam().options.experts) EXPECT_LT(error_of({}), 2e-2);
}

TEST_P(Variants, ChunkedPrefillAndDecodeGiveTheSameBits) {
  const auto runner = Load(GetParam().options);
  ASSERT_NE(runner, nullptr);
  const auto tokens = SomeTokens(50);
  const auto whole = Whole(*runner, tokens);
  const auto table = Table(*runner, 50);
  std::int64_t at = 0;
  for (const int chunk : {7, 16, 1, 1, 20, 3, 1, 1}) {
    const SequenceSlice slice{std::span(tokens).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(chunk)),
                              at, table, WantLogits::kAll};
    const auto logits = runner->Run({&slice, 1});
    ASSERT_TRUE(logits);
    for (std::int64_t i = 0; i < chunk * 131; ++i) {
      ASSERT_EQ(logits->data[i], whole[static_cast<std::size_t>(at * 131 + i)]) << "chunk at " << at << ", value " << i;
    }
    at += chunk;
  }
  runner->kv().Release(table);
}

TEST_P(Variants, ABatchGivesEachWhatItGetsAlone) {
  const auto runner = Load(GetParam().options);
  ASSERT_NE(runner, nullptr);
  std::vector<std::vector<std::int32_t>> prompts, tables;
  std::vector<std::vector<float>> alone;
  for (int i = 0; i < 5; ++i) {
    prompts.push_back(SomeTokens(3 + 9 * i, i));
    alone.push_back(Whole(*runner, prompts.back()));
  }
  std::vector<SequenceSlice> slices;
  for (const auto& prompt : prompts) tables.push_back(Table(*runner, static_cast<std::int64_t>(prompt.size())));
  slices.reserve(4);
  for (std::size_t i = 0; i < 4; ++i) slices.push_back({prompts[i], 0, tables[i], WantLogits::kLast});
  const auto logits = runner->Run(slices);
  ASSERT_TRUE(logits);
  ASSERT_EQ(logits->rows, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto row = logits->row(static_cast<std::int64_t>(i));
    const std::span<const float> want = std::span(alone[i]).last(131);
    for (std::size_t j = 0; j < 131; ++j) ASSERT_EQ(row[j], want[j]) << "sequence " << i;
  }
}

TEST_P(Variants, RowsGiveTheirArgmaxAndLogitsOnlyWhereAsked) {
  const auto runner = Load(GetParam().options);
  ASSERT_NE(runner, nullptr);
  std::vector<std::vector<std::int32_t>> prompts, tables;
  std::vector<std::vector<float>> alone;
  std::vector<SequenceSlice> slices;
  // The rows of a step have an order of their own, by phase; the answer has that of the slices.
  constexpr Phase kPhases[] = {Phase::kPrefill, Phase::kDecode};
  for (int i = 0; i < 6; ++i) {
    prompts.push_back(SomeTokens(1 + 3 * i, i));
    alone.push_back(Whole(*runner, prompts.back(), kPhases[i % 2]));
    tables.push_back(Table(*runner, static_cast<std::int64_t>(prompts.back().size())));
  }
  constexpr WantLogits kWants[] = {WantLogits::kLast, WantLogits::kAll,  WantLogits::kAll,
                                   WantLogits::kNone, WantLogits::kLast, WantLogits::kAll};
  constexpr RowResult kResults[] = {RowResult::kArgmax, RowResult::kLogits, RowResult::kArgmax,
                                    RowResult::kLogits, RowResult::kLogits, RowResult::kArgmax};
  slices.reserve(6);
  for (std::size_t i = 0; i < 6; ++i) {
    slices.push_back({prompts[i], 0, tables[i], kWants[i], kResults[i], kPhases[i % 2]});
  }
  const auto got = runner->Run(slices);
  ASSERT_TRUE(got);
  std::int64_t row = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t count = prompts[i].size();
    const std::size_t wanted = kWants[i] == WantLogits::kAll ? count : kWants[i] == WantLogits::kLast ? 1 : 0;
    for (std::size_t r = count - wanted; r < count; ++r, ++row) {
      const auto want = std::span(alone[i]).subspan(r * 131, 131);
      EXPECT_EQ(got->argmax[static_cast<std::size_t>(row)], std::ranges::max_element(want) - want.begin());
      if (kResults[i] == RowResult::kArgmax) {
        EXPECT_EQ(got->places[static_cast<std::size_t>(row)], -1);
      } else {
        EXPECT_TRUE(std::ranges::equal(got->row(row), want)) << "sequence " << i << ", row " << r;
      }
    }
  }
  EXPECT_EQ(got->rows, row);
}

TEST_P(Variants, ThreadsDoNotChangeBits) {
  const auto one = Load(GetParam().options, 1), two = Load(GetParam().options, 2);
  ASSERT_TRUE(one && two);
  const auto tokens = SomeTokens(33);
  EXPECT_EQ(Whole(*one, tokens), Whole(*two, tokens));
}

/// Runners whose prompts are computed by other activations than the rest, each way round: either may need more scratch.
std::vector<std::unique_ptr<ModelRunner>> TwoPhased(const TinyModel::Options& options) {
  using kernels::Activations;
  std::vector<std::unique_ptr<ModelRunner>> runners;
  for (const auto& [decode, prefill] :
       {std::pair{Activations::kInt16, Activations::kInt8}, {Activations::kInt8, Activations::kInt16}}) {
    auto runner =
        ModelRunner::Load(std::make_shared<TinyModel>(options), {.threads = 2,
                                                                 .kv_dtype = DType::kF32,
                                                                 .max_sequences = 8,
                                                                 .max_step_tokens = 96,
                                                                 .activations = decode,
                                                                 .prefill_linears = PrefillLinearsOf(prefill)});
    EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
    runners.push_back(std::move(*runner));
  }
  return runners;
}

TEST_P(Variants, APhaseGivesTheSameBitsBesideTheOther) {
  for (const auto& runner : TwoPhased(GetParam().options)) {
    std::vector<std::vector<std::int32_t>> inputs, tables;
    std::vector<std::vector<float>> alone;
    constexpr Phase kPhases[] = {Phase::kPrefill, Phase::kDecode, Phase::kPrefill, Phase::kDecode, Phase::kPrefill};
    inputs.reserve(5);
    for (const int rows : {20, 11, 3, 1, 1}) inputs.push_back(SomeTokens(rows, rows));
    alone.reserve(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) alone.push_back(Whole(*runner, inputs[i], kPhases[i]));
    // All five, then the last four, ..., down to so few rows that every rank prepares them for itself.
    for (std::size_t first = 0; first < inputs.size(); ++first) {
      std::vector<SequenceSlice> slices;
      tables.clear();
      for (const auto& input : inputs) tables.push_back(Table(*runner, static_cast<std::int64_t>(input.size())));
      for (std::size_t i = first; i < inputs.size(); ++i) {
        slices.push_back({inputs[i], 0, tables[i], WantLogits::kAll, RowResult::kLogits, kPhases[i]});
      }
      const auto logits = runner->Run(slices);
      ASSERT_TRUE(logits);
      const float* got = logits->data;
      for (std::size_t i = first; i < inputs.size(); ++i) {
        for (const float want : alone[i]) ASSERT_EQ(*got++, want) << "slice " << i << " of those from " << first;
      }
      for (const auto& table : tables) runner->kv().Release(table);
    }
  }
}

TEST_P(Variants, OnlyRowsOfPromptsTakeThePrefillLinears) {
  const auto runners = TwoPhased(GetParam().options);
  const auto tokens = SomeTokens(33);
  const auto exact = Load(GetParam().options, 2, kernels::Activations::kInt16);
  EXPECT_EQ(Whole(*runners[0], tokens, Phase::kDecode), Whole(*exact, tokens));
  const bool integer = exact->Describe("plan")->find("_int16_") != std::string::npos;
  EXPECT_EQ(Whole(*runners[0], tokens, Phase::kPrefill) != Whole(*exact, tokens), integer);
  EXPECT_EQ(runners[0]->Describe("plan")->find("prompts linear_") != std::string::npos, integer);
}

TEST_P(Variants, TheHeadHasNoPrefillLinear) {
  for (const auto& runner : TwoPhased(GetParam().options)) {
    std::istringstream plan(*runner->Describe("plan"));
    int heads = 0;
    for (std::string line; std::getline(plan, line);) {
      if (line.find(" argmax") == std::string::npos) continue;
      ++heads;
      EXPECT_EQ(line.find("prompts"), std::string::npos) << line;
    }
    EXPECT_EQ(heads, 1);
  }
}

TEST_P(Variants, TheArenaHasRoomForTheRowsOfEitherPhase) {
  const auto arena = [](const ModelRunner& runner) { return runner.memory().arena; };
  const auto runners = TwoPhased(GetParam().options);
  RunnerOptions options = runners[0]->options();
  options.prefill_linears = {};
  const auto alone = ModelRunner::Load(std::make_shared<TinyModel>(GetParam().options), options);
  ASSERT_TRUE(alone);
  EXPECT_EQ(options.activations, kernels::Activations::kInt16);
  for (const auto& runner : runners) EXPECT_EQ(arena(*runner), arena(**alone));
}

INSTANTIATE_TEST_SUITE_P(
    Tiny, Variants,
    testing::Values(Variant{"f32", {}, 1e-4}, Variant{"untied", {.tied = false}, 1e-4},
                    Variant{"biases", {.biases = true}, 1e-4}, Variant{"halves", {.layout = RopeLayout::kHalves}, 1e-4},
                    Variant{"mha", {.kv_heads = 4}, 1e-4}, Variant{"mqa", {.kv_heads = 1}, 1e-4},
                    Variant{"bf16", {.dtype = DType::kBF16}, 1e-4}, Variant{"f16", {.dtype = DType::kF16}, 1e-4},
                    Variant{"q8_0", {.dtype = DType::kQ8_0}, 3e-4}, Variant{"q4_1", {.dtype = DType::kQ4_1}, 3e-4},
                    Variant{"q4_0", {.dtype = DType::kQ4_0, .tied = false}, 3e-4},
                    Variant{"mixed", {.dtype = DType::kQ4_1, .value_dtype = DType::kQ8_0, .mixed = true}, 3e-4},
                    Variant{"mixed_biases",
                            {.dtype = DType::kF32, .biases = true, .value_dtype = DType::kBF16, .mixed = true},
                            1e-4},
                    Variant{"experts", {.experts = kExperts}, 1e-4},
                    Variant{"experts_biases", {.biases = true, .experts = kGrouped}, 1e-4},
                    Variant{"experts_q4_0", {.dtype = DType::kQ4_0, .experts = kExperts}, 3e-4},
                    Variant{"experts_q8_0", {.dtype = DType::kQ8_0, .experts = kGrouped}, 3e-4},
                    Variant{"experts_weighing_x", {.dtype = DType::kQ4_0, .experts = kWeighingX}, 3e-4}),
    [](const auto& variant) { return std::string(variant.param.name); });

TEST(Runner, WantsNoLogitsGivesNone) {
  const auto runner = Load({});
  const auto tokens = SomeTokens(5);
  const auto table = Table(*runner, 5);
  const SequenceSlice slice{tokens, 0, table, WantLogits::kNone};
  const auto logits = runner->Run({&slice, 1});
  ASSERT_TRUE(logits);
  EXPECT_EQ(logits->rows, 0);
}

TEST(Runner, DescribesItsStages) {
  const auto runner = Load({});
  for (const char* stage : {"model", "concat-linear", "fuse-attention", "final", "plan"}) {
    const auto text = runner->Describe(stage);
    ASSERT_TRUE(text) << stage;
    EXPECT_FALSE(text->empty());
  }
  const auto unknown = runner->Describe("nonsense");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("nonsense"), std::string::npos);
  EXPECT_FALSE(runner->pass_notes().empty());
  EXPECT_FALSE(runner->kernel_choices().empty());
}

TEST(Runner, RefusesAContextBeyondTheModels) {
  const auto runner = ModelRunner::Load(std::make_shared<TinyModel>(TinyModel::Options{}),
                                        {.threads = 1, .max_context = 1000, .max_sequences = 1});
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code(), ErrorCode::kInvalidArgument);
}

TEST(Runner, NamesTheTensorThatIsMissing) {
  auto model = std::make_shared<TinyModel>(TinyModel::Options{});
  model->mutable_config().layers = 3;
  const auto runner = ModelRunner::Load(model, {.threads = 1, .max_sequences = 1});
  ASSERT_FALSE(runner);
  EXPECT_NE(runner.error().ToString().find("blk.2."), std::string::npos) << runner.error().ToString();
}

TEST(Runner, RefusesAnUnknownArchitecture) {
  auto model = std::make_shared<TinyModel>(TinyModel::Options{});
  model->mutable_config().architecture = "mystery";
  const auto runner = ModelRunner::Load(model, {.threads = 1, .max_sequences = 1});
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code(), ErrorCode::kUnsupported);
}

TEST(RealModel, SaysWhereFranceIsGoverned) {
  const char* path = std::getenv("STRATA_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "STRATA_TEST_MODEL is not set";
  auto file = ModelFile::Open(path);
  ASSERT_TRUE(file) << file.error().ToString();
  const std::shared_ptr<const ModelFile> model = std::move(*file);
  const auto tokenizer = model->LoadTokenizer();
  ASSERT_TRUE(tokenizer) << tokenizer.error().ToString();
  const auto runner = ModelRunner::Load(model, {.max_context = 256, .max_sequences = 1});
  ASSERT_TRUE(runner) << runner.error().ToString();
  auto tokens = (*tokenizer)->Encode("The capital of France is");
  const auto table = Table(**runner, 64);
  std::string text;
  std::int64_t start = 0;
  for (int i = 0; i < 8; ++i) {
    const SequenceSlice slice{std::span(tokens).subspan(static_cast<std::size_t>(start)), start, table,
                              WantLogits::kLast};
    const auto logits = (*runner)->Run({&slice, 1});
    ASSERT_TRUE(logits);
    start = static_cast<std::int64_t>(tokens.size());
    const auto row = logits->row(0);
    tokens.push_back(static_cast<std::int32_t>(std::ranges::max_element(row) - row.begin()));
    text += (*tokenizer)->TokenBytes(tokens.back());
  }
  EXPECT_NE(text.find("Paris"), std::string::npos) << text;
}

/// A damaged file is refused, wherever the number stands.
TEST(DamagedWeights, AreNamed) {
  for (const std::string name : {"blk.1.ffn_down.weight", "blk.0.attn_q.weight", "token_embd.weight"}) {
    const auto model = std::make_shared<TinyModel>(TinyModel::Options{.dtype = DType::kQ4_1});
    const std::span<const std::byte> data = model->FindTensor(name)->data;
    constexpr std::uint16_t kNan = 0x7E00;
    constexpr std::size_t kBlock = 7, kBlockBytes = 20;
    std::memcpy(const_cast<std::byte*>(data.data()) + kBlock * kBlockBytes, &kNan,
                sizeof kNan);  // the test's own memory
    const auto runner = ModelRunner::Load(model, {.threads = 2});
    ASSERT_FALSE(runner) << name;
    EXPECT_EQ(runner.error().code(), ErrorCode::kCorrupt);
    EXPECT_EQ(runner.error().message(), name + ": block 7 (q4_1) has a number that is not finite");
  }
  // A table that is no head, and so packed by nothing.
  const auto untied = std::make_shared<TinyModel>(TinyModel::Options{.dtype = DType::kF16, .tied = false});
  constexpr std::uint16_t kInfinity = 0x7C00;
  std::memcpy(const_cast<std::byte*>(untied->FindTensor("token_embd.weight")->data.data()) + 40, &kInfinity, 2);
  const auto of_untied = ModelRunner::Load(untied, {.threads = 2});
  ASSERT_FALSE(of_untied);
  EXPECT_EQ(of_untied.error().message(), "token_embd.weight: block 20 (f16) has a number that is not finite");
  const auto latent = std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{.latent = {0, 48, 4, 16, 8}});
  const float not_a_number = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(const_cast<std::byte*>(latent->FindTensor("blk.0.attn_kv_b.weight")->data.data()), &not_a_number, 4);
  const auto of_latent = ModelRunner::Load(latent, {.threads = 2});
  ASSERT_FALSE(of_latent);
  EXPECT_TRUE(of_latent.error().message().starts_with("blk.0.attn_kv_b.weight: block 0"))
      << of_latent.error().message();
  const auto model = std::make_shared<TinyModel>(TinyModel::Options{});
  const float infinite = std::numeric_limits<float>::infinity();
  std::memcpy(const_cast<std::byte*>(model->FindTensor("blk.0.attn_norm.weight")->data.data()), &infinite, 4);
  EXPECT_FALSE(ModelRunner::Load(model, {.threads = 2}));
}

}  // namespace
}  // namespace strata
