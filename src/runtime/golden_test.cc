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
#include "runtime/sequence_kv.h"
#include "tensor/convert.h"

namespace strata {
namespace {

/// max|a - b| / max|b| over the logits of one token. Both sides compute in f32 and differ in the order of their sums;
/// what that amounts to in these models is about 1e-5.
constexpr double kTolerance = 1e-4;

/// So long that its last tokens, which latent attention computes as it does outputs, are none of these.
constexpr std::int64_t kLongPrompt = 1 << 20;

/// Models with a golden.safetensors: sub-folders, and the GGUF files in them, which hold the same checkpoint.
std::vector<std::string> ModelsIn(const std::string& root) {
  std::vector<std::string> models;
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(root, error)) {
    if (!std::filesystem::exists(folder.path() / "golden.safetensors", error)) continue;
    models.push_back(folder.path().string());
    for (const auto& file : std::filesystem::directory_iterator(folder.path(), error)) {
      if (file.path().extension() == ".gguf") models.push_back(file.path().string());
    }
  }
  std::ranges::sort(models);
  return models;
}

constexpr const char* kCommitted[] = {
    STRATA_SOURCE_DIR "/tests/golden/tiny_llama", STRATA_SOURCE_DIR "/tests/golden/deepseek",
    STRATA_SOURCE_DIR "/tests/golden/families", STRATA_SOURCE_DIR "/tests/golden/experts",
    STRATA_SOURCE_DIR "/tests/golden/quantized"};

std::vector<std::string> Models() {
  std::vector<std::string> models;
  for (const char* root : kCommitted) std::ranges::move(ModelsIn(root), std::back_inserter(models));
  if (const char* more = std::getenv("STRATA_GOLDEN_DIR"); more != nullptr) {
    std::ranges::move(ModelsIn(more), std::back_inserter(models));
  }
  return models;
}

TEST(Golden, FoldersAreThere) {
  for (const char* root : kCommitted) EXPECT_FALSE(ModelsIn(root).empty()) << root;
  const char* more = std::getenv("STRATA_GOLDEN_DIR");
  if (more != nullptr) EXPECT_FALSE(ModelsIn(more).empty()) << more;
}

struct Tolerance {
  double each = kTolerance;  ///< of every token
  double some = kTolerance;  ///< what a tenth of the tokens keep within
};

struct Text {
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;  ///< [tokens, vocab]: the reference's
  Tolerance tolerance;
};

/// What the file's metadata allows: "tolerance" on kernels that round activations where the file leaves it to them,
/// which ref does not; "rounded_tolerance" on all where the reference rounds them itself. There an input near the
/// middle of two integers may become either, but some tokens have none before them.
Tolerance ToleranceOf(const SafetensorsFile& file) {
  const auto said = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? kTolerance : std::stod(found->second);
  };
  const char* isa = std::getenv("STRATA_ISA");
  const double own = isa != nullptr && std::string_view(isa) == "ref" ? kTolerance : said("tolerance");
  return {std::max(own, said("rounded_tolerance")), own};
}

/// input_ids and logits, and the same with _2 behind where there is a second text.
Result<std::vector<Text>> ReadGolden(const std::string& path) {
  STRATA_TRY(const SafetensorsFile file, SafetensorsFile::Open(path));
  std::vector<Text> texts;
  for (const std::string suffix : {"", "_2"}) {
    const SafetensorsTensor* ids = file.Find("input_ids" + suffix);
    const SafetensorsTensor* logits = file.Find("logits" + suffix);
    if (ids == nullptr && !texts.empty()) break;
    if (ids == nullptr || logits == nullptr || (ids->dtype != "I32" && ids->dtype != "I64"))
      return Fail(ErrorCode::kCorrupt, "{}: wants input_ids (I32 or I64) and logits", path);
    Text& text = texts.emplace_back();
    const std::size_t stride = ids->dtype == "I32" ? 4 : 8;
    text.tokens.resize(ids->data.size() / stride);
    for (std::size_t i = 0; i < text.tokens.size(); ++i)  // little-endian: the low half comes first
      std::memcpy(&text.tokens[i], ids->data.data() + i * stride, sizeof(std::int32_t));
    STRATA_TRY(const TensorView view, file.View(*logits));
    STRATA_TRY(text.logits, DequantizeTensor(view));
    text.tolerance = ToleranceOf(file);
  }
  return texts;
}

/// How many tokens of a sequence each step takes; the last one repeated.
using Steps = std::vector<std::size_t>;

/// A text on its way through the runner.
struct Passage {
  std::span<const std::int32_t> tokens;
  std::span<const std::int32_t> table;
  Steps steps;
  std::size_t at = 0;
  std::size_t step = 0;
  Phase phase = Phase::kDecode;
  std::vector<float> logits = {};  ///< of the tokens so far

  bool done() const { return at == tokens.size(); }
  /// What the next step computes.
  SequenceSlice Slice() const {
    const std::size_t rows = std::min(steps[std::min(step, steps.size() - 1)], tokens.size() - at);
    return {tokens.subspan(at, rows),
            static_cast<std::int64_t>(at),
            table,
            WantLogits::kAll,
            RowResult::kLogits,
            phase,
            kLongPrompt};
  }
};

class Checkpoint : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::filesystem::path path = GetParam();
    const std::filesystem::path folder = std::filesystem::is_directory(path) ? path : path.parent_path();
    auto texts = ReadGolden((folder / "golden.safetensors").string());
    ASSERT_TRUE(texts) << texts.error().ToString();
    texts_ = std::move(*texts);
    ASSERT_NO_FATAL_FAILURE(Load(DType::kF32));
    vocab_ = static_cast<std::size_t>(runner_->config().vocab);
    for (const Text& text : texts_) ASSERT_EQ(text.logits.size(), text.tokens.size() * vocab_);
  }

  /// The model with a cache of that type.
  void Load(DType kv_dtype) {
    runner_.reset();
    auto file = ModelFile::Open(GetParam());
    ASSERT_TRUE(file) << file.error().ToString();
    auto runner = ModelRunner::Load(
        std::move(*file), {.kv_dtype = kv_dtype, .max_sequences = 2, .max_step_tokens = 128, .max_logit_rows = 128});
    ASSERT_TRUE(runner) << runner.error().ToString();
    runner_ = std::move(*runner);
  }

  /// All of them step by step in one batch.
  void Run(std::span<Passage> passages) {
    std::vector<SequenceSlice> slices;
    for (;;) {
      slices.clear();
      for (const Passage& passage : passages) {
        if (!passage.done()) slices.push_back(passage.Slice());
      }
      if (slices.empty()) return;
      const auto logits = runner_->Run(slices);
      ASSERT_TRUE(logits) << logits.error().ToString();
      const float* row = logits->data;
      for (Passage& passage : passages) {
        if (passage.done()) continue;
        const std::size_t rows = passage.Slice().tokens.size();
        passage.logits.insert(passage.logits.end(), row, row + rows * vocab_);
        row += rows * vocab_;
        passage.at += rows;
        ++passage.step;
      }
    }
  }

  std::vector<float> Alone(const Text& text, Steps steps, Phase phase = Phase::kDecode) {
    std::vector<std::int32_t> table;
    EXPECT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(text.tokens.size())), table));
    Passage passage{.tokens = text.tokens, .table = table, .steps = std::move(steps), .phase = phase};
    Run({&passage, 1});
    runner_->kv().Release(table);
    return std::move(passage.logits);
  }
  std::vector<float> Whole(const Text& text, Phase phase = Phase::kDecode) {
    return Alone(text, {text.tokens.size()}, phase);
  }

  /// max|a - b| / max|b| of each position.
  std::vector<double> Errors(const std::vector<float>& got, const Text& text) const {
    std::vector<double> errors;
    for (std::size_t row = 0; row < text.tokens.size(); ++row) {
      double error = 0, scale = 0;
      for (std::size_t i = row * vocab_; i < (row + 1) * vocab_; ++i) {
        const double want = static_cast<double>(text.logits[i]);
        const double difference = std::abs(static_cast<double>(got[i]) - want);
        if (!(difference <= error)) error = difference;  // a NaN stays
        scale = std::max(scale, std::abs(want));
      }
      errors.push_back(error / scale);
    }
    return errors;
  }
  /// rounding: what the cache's adds to the text's own tolerance.
  void ExpectTheReferences(const std::vector<float>& got, const Text& text, double rounding = 0) const {
    ASSERT_EQ(got.size(), text.logits.size());
    std::vector<double> errors = Errors(got, text);
    for (std::size_t row = 0; row < errors.size(); ++row) {
      EXPECT_LE(errors[row], text.tolerance.each + rounding) << "position " << row;
    }
    std::ranges::sort(errors);
    EXPECT_LE(errors[errors.size() / 10], text.tolerance.some + rounding);
  }

  std::vector<Text> texts_;
  std::unique_ptr<ModelRunner> runner_;

 private:
  std::size_t vocab_ = 0;
};

TEST_P(Checkpoint, GivesTheReferencesLogits) {
  for (const Text& text : texts_) ExpectTheReferences(Whole(text), text);
}

/// On AMX weights that are quantised and what they are multiplied by become bf16, which rounds each by up to 2^-9.
TEST_P(Checkpoint, GivesTheReferencesLogitsAsAPrompt) {
  const double rounding = Cpu().amx ? 3e-2 : 0;
  for (const Text& text : texts_) {
    const std::vector<float> whole = Whole(text, Phase::kPrefill);
    ExpectTheReferences(whole, text, rounding);
    EXPECT_EQ(Alone(text, {7, 16, 1, 1, 5, 1}, Phase::kPrefill), whole);
  }
}

/// Rounding keys and values (and queries and weights) to 16 bits moves the logits of these models by up to 1e-3 of the
/// greatest.
TEST_P(Checkpoint, ACacheOf16BitsIsNearlyExact) {
  if (runner_->config().latent) GTEST_SKIP() << "latent rows have no 16-bit integers";
  ASSERT_NO_FATAL_FAILURE(Load(DType::kI16));
  const std::vector<float> whole = Whole(texts_.front());
  ExpectTheReferences(whole, texts_.front(), 1e-3);
  EXPECT_EQ(Alone(texts_.front(), {7, 16, 1, 1, 5, 1}), whole);
}

/// 8 bits, whose step is 1/254 of a row's greatest magnitude, move them by some hundredths; by more at the few
/// positions where a model of random weights chooses another expert for it or all but doubles it. So the median is
/// held.
TEST_P(Checkpoint, ACacheOf8BitsIsAsCloseAsItsSteps) {
  ASSERT_NO_FATAL_FAILURE(Load(DType::kI8));
  const std::vector<float> whole = Whole(texts_.front());
  std::vector<double> errors = Errors(whole, texts_.front());
  std::ranges::sort(errors);
  EXPECT_LE(errors[errors.size() / 2], texts_.front().tolerance.each + 0.03);
  EXPECT_EQ(Alone(texts_.front(), {7, 16, 1, 1, 5, 1}), whole);
}

TEST_P(Checkpoint, GivesTheSameBitsInChunksAndTokenByToken) {
  const std::vector<float> whole = Whole(texts_.front());
  EXPECT_EQ(Alone(texts_.front(), {7, 16, 1, 1, 5, 1}), whole);
  EXPECT_EQ(Alone(texts_.front(), {1, 30}), whole);
}

TEST_P(Checkpoint, GivesTextsInOneBatchTheBitsOfEachAlone) {
  const Text& first = texts_.front();
  const Text& last = texts_.back();
  std::vector<std::int32_t> first_table, last_table;
  ASSERT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(first.tokens.size())), first_table));
  ASSERT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(last.tokens.size())), last_table));
  Passage passages[] = {{first.tokens, first_table, {11, 1, 17, 3, 1}}, {last.tokens, last_table, {1, 9, 2}}};
  Run(passages);
  runner_->kv().Release(first_table);
  runner_->kv().Release(last_table);
  EXPECT_EQ(passages[0].logits, Whole(first));
  EXPECT_EQ(passages[1].logits, Whole(last));
}

TEST_P(Checkpoint, GivesTheSameBitsBehindBlocksOfThePrefixCache) {
  const Text& text = texts_.front();
  const std::vector<float> whole = Whole(text);
  const auto length = static_cast<std::int64_t>(text.tokens.size());
  PrefixCache cache(runner_->kv());
  SequenceKv first(cache), again(cache);
  ASSERT_TRUE(first.Reserve(length));
  Passage passage{text.tokens, first.table(), {16, 3, 40}};
  Run({&passage, 1});
  first.Publish(text.tokens, length);
  const std::int64_t reused = again.Reuse(text.tokens, 0, length - 1);
  ASSERT_EQ(reused, (length - 1) / kernels::kKvBlock * kernels::kKvBlock);
  ASSERT_TRUE(again.Reserve(length));
  Passage rest{text.tokens, again.table(), {1, 5, 64}, static_cast<std::size_t>(reused)};
  Run({&rest, 1});
  EXPECT_TRUE(std::ranges::equal(rest.logits, std::span(whole).last(rest.logits.size())));
}

INSTANTIATE_TEST_SUITE_P(Models, Checkpoint, testing::ValuesIn(Models()), [](const auto& info) {
  const std::filesystem::path path = info.param;
  std::string name =
      path.extension() == ".gguf" ? path.parent_path().filename().string() + "_gguf" : path.filename().string();
  name += "_" + std::to_string(info.index);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace strata
