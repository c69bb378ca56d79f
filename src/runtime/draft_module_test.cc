// The module that predicts the token after the next (multi-token prediction), against a reference written after the
// paper (tools/golden/deepseek.py), however the sequence is cut into steps.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "formats/safetensors.h"
#include "models/tiny_deepseek.h"
#include "runtime/model_runner.h"
#include "tensor/convert.h"

namespace strata {
namespace {

const std::string kFolder = STRATA_SOURCE_DIR "/tests/golden/deepseek/v3_mtp";

class DraftModule : public testing::TestWithParam<Phase> {
 protected:
  void SetUp() override {
    const auto golden = SafetensorsFile::Open(kFolder + "/golden.safetensors");
    ASSERT_TRUE(golden) << golden.error().ToString();
    const SafetensorsTensor* ids = golden->Find("input_ids");
    const SafetensorsTensor* logits = golden->Find("draft_logits");
    ASSERT_TRUE(ids != nullptr && logits != nullptr && ids->dtype == "I32");
    tokens_.resize(ids->data.size() / sizeof(std::int32_t));
    std::memcpy(tokens_.data(), ids->data.data(), ids->data.size());
    want_ = *DequantizeTensor(*golden->View(*logits));
    auto file = ModelFile::Open(kFolder);
    ASSERT_TRUE(file) << file.error().ToString();
    auto runner = ModelRunner::Load(
        std::move(*file),
        {.threads = 2, .kv_dtype = DType::kF32, .max_sequences = 2, .max_step_tokens = 64, .max_logit_rows = 64});
    ASSERT_TRUE(runner) << runner.error().ToString();
    runner_ = std::move(*runner);
    ASSERT_TRUE(runner_->has_draft_module());
  }

  /// The module's logits of all tokens but the last, in steps of these sizes, beside another sequence.
  std::vector<float> Run(const std::vector<std::size_t>& steps) {
    std::vector<std::int32_t> table, other;
    EXPECT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(std::ssize(tokens_)), table));
    EXPECT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(std::ssize(tokens_)), other));
    std::vector<float> all;
    std::size_t at = 0;
    for (std::size_t step = 0; at < tokens_.size(); ++step) {
      const std::size_t rows = std::min(steps[std::min(step, steps.size() - 1)], tokens_.size() - at);
      const auto start = static_cast<std::int64_t>(at);
      const auto part = std::span(tokens_).subspan(at, rows);
      const SequenceSlice slices[] = {
          {part.first(1), start, other, WantLogits::kLast, RowResult::kArgmax, Phase::kDecode},
          {part, start, table, WantLogits::kLast, RowResult::kArgmax, GetParam(), 1 << 20}};
      EXPECT_TRUE(runner_->Run(slices));
      at += rows;
      const std::size_t known = std::min(rows, tokens_.size() - at + rows - 1);  // what follows the last is not known
      if (known == 0) break;
      const DraftSlice draft{1, std::span(tokens_).subspan(at - rows + 1, known), table, WantLogits::kAll,
                             RowResult::kLogits};
      const auto logits = runner_->Draft({&draft, 1});
      EXPECT_TRUE(logits);
      all.insert(all.end(), logits->data, logits->data + logits->rows * logits->width);
    }
    runner_->kv().Release(table);
    runner_->kv().Release(other);
    return all;
  }

  std::vector<std::int32_t> tokens_;
  std::vector<float> want_;
  std::unique_ptr<ModelRunner> runner_;
};

TEST_P(DraftModule, GivesTheReferencesLogits) {
  const std::vector<float> got = DraftModule::Run({64});
  ASSERT_EQ(got.size(), want_.size());
  const auto vocab = static_cast<std::size_t>(runner_->config().vocab);
  for (std::size_t row = 0; row < got.size(); row += vocab) {
    double error = 0, scale = 0;
    for (std::size_t i = row; i < row + vocab; ++i) {
      error = std::max(error, std::abs(static_cast<double>(got[i]) - static_cast<double>(want_[i])));
      scale = std::max(scale, std::abs(static_cast<double>(want_[i])));
    }
    EXPECT_LE(error / scale, 1e-4) << "position " << row / vocab;
  }
}

TEST_P(DraftModule, ChunksGiveTheSameBits) {
  const std::vector<float> whole = DraftModule::Run({64});
  EXPECT_TRUE(DraftModule::Run({7, 16, 1, 1, 5, 1}) == whole);
  EXPECT_TRUE(DraftModule::Run({1}) == whole);
}

INSTANTIATE_TEST_SUITE_P(Phases, DraftModule, testing::Values(Phase::kDecode, Phase::kPrefill), [](const auto& info) {
  return info.param == Phase::kDecode ? std::string("output") : std::string("prompt");
});

TEST(DraftModuleMemory, IsOneLayerMoreOfTheSameBlocks) {
  const RunnerOptions options{.threads = 1, .kv_dtype = DType::kF32, .max_sequences = 1};
  const auto with = ModelRunner::Load(ModelFile::Open(kFolder).value(), options);
  ASSERT_TRUE(with);
  EXPECT_EQ((*with)->kv().shape().layers, (*with)->config().layers + 1);
  const auto without = ModelRunner::Load(std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{}), options);
  ASSERT_TRUE(without);
  EXPECT_FALSE((*without)->has_draft_module());
  EXPECT_EQ((*without)->kv().shape().layers, (*without)->config().layers);
}

}  // namespace
}  // namespace strata
