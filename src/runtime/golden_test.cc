// Logits of whole checkpoints against those that transformers computed from the same folders (tests/golden/README.md).
// Runs on the machine's kernels and, as separate ctest entries, with STRATA_ISA=avx2 and ref.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "formats/safetensors.h"
#include "runtime/model_runner.h"
#include "tensor/convert.h"

namespace strata {
namespace {

/// max|a - b| / max|b| over the logits of one token. Both sides compute in f32 and differ in the order of their sums;
/// what that amounts to in these models is about 1e-5.
constexpr double kTolerance = 1e-4;

/// So long that its last tokens, which latent attention computes as it does outputs, are none of these.
constexpr std::int64_t kLongPrompt = 1 << 20;

/// Sub-folders that hold a golden.safetensors.
std::vector<std::string> FoldersIn(const std::string& root) {
  std::vector<std::string> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (std::filesystem::exists(entry.path() / "golden.safetensors", error)) folders.push_back(entry.path().string());
  }
  std::ranges::sort(folders);
  return folders;
}

constexpr const char* kCommitted[] = {"tiny_llama", "deepseek"};

std::vector<std::string> Folders() {
  std::vector<std::string> folders;
  for (const std::string root : kCommitted) {
    for (std::string& folder : FoldersIn(STRATA_SOURCE_DIR "/tests/golden/" + root))
      folders.push_back(std::move(folder));
  }
  if (const char* more = std::getenv("STRATA_GOLDEN_DIR"); more != nullptr) {
    for (std::string& folder : FoldersIn(more)) folders.push_back(std::move(folder));
  }
  return folders;
}

TEST(Golden, FoldersAreThere) {
  for (const std::string root : kCommitted) {
    EXPECT_FALSE(FoldersIn(STRATA_SOURCE_DIR "/tests/golden/" + root).empty()) << root;
  }
  const char* more = std::getenv("STRATA_GOLDEN_DIR");
  if (more != nullptr) EXPECT_FALSE(FoldersIn(more).empty()) << more;
}

struct Golden {
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;  ///< [tokens, vocab]
};

Result<Golden> ReadGolden(const std::string& path) {
  STRATA_TRY(const SafetensorsFile file, SafetensorsFile::Open(path));
  const SafetensorsTensor* ids = file.Find("input_ids");
  const SafetensorsTensor* logits = file.Find("logits");
  if (ids == nullptr || logits == nullptr || (ids->dtype != "I32" && ids->dtype != "I64"))
    return Fail(ErrorCode::kCorrupt, "{}: wants input_ids (I32 or I64) and logits", path);
  Golden golden;
  const std::size_t stride = ids->dtype == "I32" ? 4 : 8;
  golden.tokens.resize(ids->data.size() / stride);
  for (std::size_t i = 0; i < golden.tokens.size(); ++i)  // little-endian: the low half comes first
    std::memcpy(&golden.tokens[i], ids->data.data() + i * stride, sizeof(std::int32_t));
  STRATA_TRY(const TensorView view, file.View(*logits));
  STRATA_TRY(golden.logits, DequantizeTensor(view));
  return golden;
}

class Checkpoint : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto golden = ReadGolden(GetParam() + "/golden.safetensors");
    ASSERT_TRUE(golden) << golden.error().ToString();
    golden_ = std::move(*golden);
    auto file = ModelFile::Open(GetParam());
    ASSERT_TRUE(file) << file.error().ToString();
    auto runner =
        ModelRunner::Load(std::move(*file), {.kv_dtype = DType::kF32, .max_sequences = 1, .max_step_tokens = 64});
    ASSERT_TRUE(runner) << runner.error().ToString();
    runner_ = std::move(*runner);
    vocab_ = static_cast<std::size_t>(runner_->config().vocab);
    ASSERT_EQ(golden_.logits.size(), golden_.tokens.size() * vocab_);
  }

  /// Runs the tokens in steps of these sizes, the last one repeated, and compares every row.
  void Compare(const std::vector<std::size_t>& steps, Phase phase) {
    std::vector<std::int32_t> table;
    const auto count = static_cast<std::int64_t>(golden_.tokens.size());
    ASSERT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(count), table));
    std::size_t at = 0;
    for (std::size_t step = 0; at < golden_.tokens.size(); ++step) {
      const std::size_t rows = std::min(steps[std::min(step, steps.size() - 1)], golden_.tokens.size() - at);
      const SequenceSlice slice{std::span(golden_.tokens).subspan(at, rows),
                                static_cast<std::int64_t>(at),
                                table,
                                WantLogits::kAll,
                                RowResult::kLogits,
                                phase,
                                kLongPrompt};
      const auto logits = runner_->Run({&slice, 1});
      ASSERT_TRUE(logits) << logits.error().ToString();
      for (std::size_t row = 0; row < rows; ++row) CompareRow(logits->row(static_cast<std::int64_t>(row)), at + row);
      at += rows;
    }
    runner_->kv().Release(table);
  }

  Golden golden_;
  std::unique_ptr<ModelRunner> runner_;

 private:
  void CompareRow(std::span<const float> got, std::size_t position) const {
    double error = 0, scale = 0;
    for (std::size_t i = 0; i < vocab_; ++i) {
      const double want = static_cast<double>(golden_.logits[position * vocab_ + i]);
      const double difference = std::abs(static_cast<double>(got[i]) - want);
      if (!(difference <= error)) error = difference;  // a NaN stays
      scale = std::max(scale, std::abs(want));
    }
    EXPECT_LE(error / scale, kTolerance) << "position " << position;
  }

  std::size_t vocab_ = 0;
};

TEST_P(Checkpoint, GivesTheReferencesLogits) { Compare({64}, Phase::kDecode); }

TEST_P(Checkpoint, GivesTheReferencesLogitsInChunksAndTokenByToken) { Compare({7, 16, 1, 1, 5, 1}, Phase::kDecode); }

TEST_P(Checkpoint, GivesTheReferencesLogitsAsAPrompt) {
  Compare({64}, Phase::kPrefill);
  Compare({7, 16, 1, 1, 5, 1}, Phase::kPrefill);
}

INSTANTIATE_TEST_SUITE_P(Folders, Checkpoint, testing::ValuesIn(Folders()), [](const auto& info) {
  std::string name = std::filesystem::path(info.param).filename().string() + "_" + std::to_string(info.index);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace strata
