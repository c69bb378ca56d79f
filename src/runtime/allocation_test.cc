// A step in steady state takes no memory: every operator new of this binary is counted, whichever thread calls it.
#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <span>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "models/tiny_deepseek.h"
#include "models/tiny_encoder.h"
#include "runtime/model_runner.h"

namespace {
std::atomic<std::int64_t> allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDelete): the analyser takes what these free for freed before
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
// NOLINTEND(clang-analyzer-cplusplus.NewDelete)

namespace strata {
namespace {

/// Sequences that grow step by step, each in its own KV blocks.
class Sequences {
 public:
  Sequences(ModelRunner& runner, std::size_t count, std::int64_t context) : runner_(runner), sequences_(count) {
    for (auto& sequence : sequences_) EXPECT_TRUE(runner.kv().Allocate(KvPool::BlocksFor(context), sequence.table));
    slices_.reserve(count);
    drafts_.reserve(count);
  }
  ~Sequences() {
    for (auto& sequence : sequences_) runner_.kv().Release(sequence.table);
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  /// The last one computes `chunk` tokens, the others one each.
  void Step(std::size_t chunk, RowResult result) {
    slices_.clear();
    for (auto& [table, length] : sequences_) {
      const auto tokens = std::span(kTokens).first(&table == &sequences_.back().table ? chunk : 1);
      const Phase phase = tokens.size() > 1 ? Phase::kPrefill : Phase::kDecode;
      slices_.push_back({tokens, length, table, WantLogits::kLast, result, phase, 1 << 20});
      length += static_cast<std::int64_t>(tokens.size());
    }
    EXPECT_TRUE(runner_.Run(slices_));
    if (!runner_.has_draft_module()) return;
    drafts_.clear();
    for (std::size_t i = 0; i < slices_.size(); ++i) drafts_.push_back({i, slices_[i].tokens, slices_[i].block_table});
    EXPECT_TRUE(runner_.Draft(drafts_));
  }

 private:
  struct Grown {
    std::vector<std::int32_t> table;
    std::int64_t length = 0;
  };
  static constexpr std::array<TokenId, 8> kTokens = {1, 2, 3, 4, 5, 6, 7, 8};
  ModelRunner& runner_;
  std::vector<Grown> sequences_;
  std::vector<SequenceSlice> slices_;
  std::vector<DraftSlice> drafts_;
};

std::shared_ptr<const ModelFile> Llama() {
  return std::make_shared<TinyModel>(TinyModel::Options{.dtype = DType::kQ4_0});
}
std::shared_ptr<const ModelFile> Mixture() {
  return std::make_shared<TinyModel>(
      TinyModel::Options{.dtype = DType::kQ4_0, .experts = ExpertsConfig{.count = 8, .used = 2, .ffn = 32}});
}
std::shared_ptr<const ModelFile> Deepseek() {
  return std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{.module = TinyDeepseek::Module::kRandom});
}

using MakeModel = std::shared_ptr<const ModelFile> (*)();
class SteadyState : public testing::TestWithParam<std::tuple<MakeModel, int>> {};

TEST_P(SteadyState, AStepTakesNoMemory) {
  constexpr int kWarmUp = 2, kSteps = 20;
  const auto [make, rows] = GetParam();
  const auto chunk = static_cast<std::size_t>(rows);
  auto runner = ModelRunner::Load(make(), {.threads = 2, .max_sequences = 8, .max_step_tokens = 32});
  ASSERT_TRUE(runner) << runner.error().ToString();
  Sequences sequences(**runner, 8, static_cast<std::int64_t>(2 * (kWarmUp + kSteps) * chunk));
  for (const RowResult result : {RowResult::kArgmax, RowResult::kLogits}) {
    for (int i = 0; i < kWarmUp; ++i) sequences.Step(chunk, result);  // the step's lists find their sizes
    const std::int64_t before = allocations;
    for (int i = 0; i < kSteps; ++i) sequences.Step(chunk, result);
    EXPECT_EQ(allocations - before, 0);
  }
  EXPECT_GT(allocations, 0) << "nothing is counted";
}

TEST(SteadyStateOfEncoders, AStepTakesNoMemory) {
  constexpr int kSteps = 20;
  auto runner = ModelRunner::Load(std::make_shared<TinyEncoder>(TinyEncoder::Options{}),
                                  {.threads = 2, .max_sequences = 8, .max_step_tokens = 64});
  ASSERT_TRUE(runner) << runner.error().ToString();
  std::vector<std::int32_t> table;
  ASSERT_TRUE((*runner)->kv().Allocate(8, table));
  constexpr std::array<TokenId, 6> kText = {1, 2, 3, 4, 5, 6}, kTypes = {0, 0, 0, 1, 1, 1};
  std::vector<SequenceSlice> slices;
  for (std::size_t i = 0; i < table.size(); ++i) {
    slices.push_back({.tokens = std::span(kText).first(1 + i % kText.size()),
                      .block_table = std::span(table).subspan(i, 1),
                      .phase = Phase::kPrefill,
                      .token_types = std::span(kTypes).first(1 + i % kText.size())});
  }
  for (int i = 0; i < 2; ++i) ASSERT_TRUE((*runner)->Run(slices));  // the step's lists find their sizes
  const std::int64_t before = allocations;
  for (int i = 0; i < kSteps; ++i) ASSERT_TRUE((*runner)->Run(slices));
  EXPECT_EQ(allocations - before, 0);
}

INSTANTIATE_TEST_SUITE_P(Chunks, SteadyState,
                         testing::Combine(testing::Values(Llama, Mixture, Deepseek), testing::Values(1, 5)));

}  // namespace
}  // namespace strata
