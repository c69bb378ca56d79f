// Vectors and scores of whole encoders against those that transformers computed from the same folders
// (tests/golden/README.md). Runs on the machine's kernels and, as separate ctest entries, with STRATA_ISA=avx2 and ref.
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

/// As golden_test's.
constexpr double kTolerance = 1e-4;

std::vector<std::string> FoldersIn(const std::string& root) {
  std::vector<std::string> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (std::filesystem::exists(entry.path() / "golden.safetensors", error)) folders.push_back(entry.path().string());
  }
  std::ranges::sort(folders);
  return folders;
}

std::vector<std::string> Folders() {
  std::vector<std::string> folders = FoldersIn(STRATA_SOURCE_DIR "/tests/golden/encoders");
  if (const char* more = std::getenv("STRATA_GOLDEN_ENCODERS_DIR"); more != nullptr) {
    for (std::string& folder : FoldersIn(more)) folders.push_back(std::move(folder));
  }
  return folders;
}

TEST(PoolingGolden, FoldersAreThere) {
  EXPECT_FALSE(FoldersIn(STRATA_SOURCE_DIR "/tests/golden/encoders").empty());
  const char* more = std::getenv("STRATA_GOLDEN_ENCODERS_DIR");
  if (more != nullptr) EXPECT_FALSE(FoldersIn(more).empty()) << more;
}

struct Golden {
  std::vector<std::vector<std::int32_t>> tokens, types;  ///< [texts]
  std::vector<float> hidden;                             ///< [tokens of all texts, hidden]; empty: a classifier's
  std::vector<float> pooled;                             ///< [texts, width]
};

Result<std::vector<std::int32_t>> Integers(const SafetensorsFile& file, std::string_view name) {
  const SafetensorsTensor* tensor = file.Find(name);
  if (tensor == nullptr || tensor->dtype != "I32") return Fail(ErrorCode::kCorrupt, "no I32 tensor {}", name);
  std::vector<std::int32_t> values(tensor->data.size() / 4);
  std::memcpy(values.data(), tensor->data.data(), tensor->data.size());
  return values;
}

Result<std::vector<float>> Floats(const SafetensorsFile& file, std::string_view name) {
  const SafetensorsTensor* tensor = file.Find(name);
  if (tensor == nullptr) return std::vector<float>();
  STRATA_TRY(const TensorView view, file.View(*tensor));
  return DequantizeTensor(view);
}

Result<Golden> ReadGolden(const std::string& path) {
  STRATA_TRY(const SafetensorsFile file, SafetensorsFile::Open(path));
  STRATA_TRY(const auto ids, Integers(file, "input_ids"));
  STRATA_TRY(const auto types, Integers(file, "token_types"));
  STRATA_TRY(const auto lengths, Integers(file, "lengths"));
  Golden golden;
  auto id = ids.begin();
  auto type = types.begin();
  for (const std::int32_t length : lengths) {
    golden.tokens.emplace_back(id, id + length);
    golden.types.emplace_back(type, type + length);
    id += length;
    type += length;
  }
  STRATA_TRY(golden.hidden, Floats(file, "hidden"));
  STRATA_TRY(golden.pooled, Floats(file, "pooled"));
  return golden;
}

/// A model as it is in the folder, but that a vector is wanted of each token.
class Unpooled : public ModelFile {
 public:
  explicit Unpooled(std::unique_ptr<ModelFile> file) : file_(std::move(file)), config_(file_->config()) {
    config_.pooling.pooling = Pooling::kNone;
  }
  const std::string& path() const override { return file_->path(); }
  const ModelConfig& config() const override { return config_; }
  const GenerationDefaults& generation_defaults() const override { return file_->generation_defaults(); }
  const std::vector<ModelTensor>& tensors() const override { return file_->tensors(); }
  const std::map<std::string, std::string>& chat_templates() const override { return file_->chat_templates(); }
  Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const override { return file_->LoadTokenizer(); }
  std::string ContentKey() const override { return file_->ContentKey(); }

 private:
  std::unique_ptr<ModelFile> file_;
  ModelConfig config_;
};

class Encoder : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto golden = ReadGolden(GetParam() + "/golden.safetensors");
    ASSERT_TRUE(golden) << golden.error().ToString();
    golden_ = std::move(*golden);
  }

  static std::unique_ptr<ModelFile> Open() {
    auto file = ModelFile::Open(GetParam());
    EXPECT_TRUE(file) << file.error().ToString();
    return file ? std::move(*file) : nullptr;
  }
  void Load(std::shared_ptr<const ModelFile> file, kernels::Activations activations = kernels::Activations::kInt16) {
    ASSERT_TRUE(file);
    auto runner = ModelRunner::Load(
        std::move(file),
        {.kv_dtype = DType::kF32, .max_sequences = 8, .max_step_tokens = 1024, .activations = activations});
    ASSERT_TRUE(runner) << runner.error().ToString();
    runner_ = std::move(*runner);
  }

  /// One step of these texts, all rows of what it gives behind each other.
  std::vector<float> Run(const std::vector<std::size_t>& texts, WantLogits rows) {
    std::vector<std::vector<std::int32_t>> tables(texts.size());
    std::vector<SequenceSlice> slices;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto& tokens = golden_.tokens[texts[i]];
      EXPECT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(tokens.size())), tables[i]));
      slices.push_back({.tokens = tokens,
                        .block_table = tables[i],
                        .logits = rows,
                        .phase = Phase::kPrefill,
                        .token_types = golden_.types[texts[i]]});
    }
    const auto out = runner_->Run(slices);
    EXPECT_TRUE(out);
    for (const auto& table : tables) runner_->kv().Release(table);
    return out ? std::vector<float>(out->data, out->data + out->rows * out->width) : std::vector<float>();
  }

  std::vector<std::size_t> AllTexts() const {
    std::vector<std::size_t> all(golden_.tokens.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  static void Compare(std::span<const float> got, std::span<const float> want, std::size_t width,
                      double tolerance = kTolerance) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t row = 0; row < want.size() / width; ++row) {
      double error = 0, scale = 0;
      for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
        const double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
        if (!(difference <= error)) error = difference;  // a NaN stays
        scale = std::max(scale, std::abs(static_cast<double>(want[i])));
      }
      EXPECT_LE(error / scale, tolerance) << "row " << row;
    }
  }

  std::size_t width() const { return static_cast<std::size_t>(runner_->config().output_width()); }

  Golden golden_;
  std::unique_ptr<ModelRunner> runner_;
};

TEST_P(Encoder, GivesTheReferencesRowOfEachTextInOneStep) {
  ASSERT_NO_FATAL_FAILURE(Load(Open()));
  Compare(Run(AllTexts(), WantLogits::kLast), golden_.pooled, width());
}

/// int8 allows bf16 over float weights on AMX, which rounds each of weights and inputs by up to 2^-9.
TEST_P(Encoder, GivesNearlyTheReferencesRowWithCoarserActivations) {
  ASSERT_NO_FATAL_FAILURE(Load(Open(), kernels::Activations::kInt8));
  const std::vector<float> together = Run(AllTexts(), WantLogits::kLast);
  Compare(together, golden_.pooled, width(), Cpu().amx ? 3e-2 : kTolerance);
  const std::vector<float> alone = Run({1}, WantLogits::kLast);
  EXPECT_TRUE(std::ranges::equal(alone, std::span(together).subspan(width(), width())));
}

TEST_P(Encoder, GivesTheSameBitsAloneAndInAnyCompany) {
  ASSERT_NO_FATAL_FAILURE(Load(Open()));
  const std::vector<float> together = Run(AllTexts(), WantLogits::kLast);
  for (const std::size_t text : AllTexts()) {
    const std::vector<float> alone = Run({text}, WantLogits::kLast);
    const std::vector<float> after = Run({0, text, text}, WantLogits::kLast);
    for (std::size_t i = 0; i < width(); ++i) {
      ASSERT_EQ(alone[i], together[text * width() + i]) << text;
      ASSERT_EQ(alone[i], after[2 * width() + i]) << text;
    }
  }
}

TEST_P(Encoder, GivesTheReferencesHiddenRows) {
  if (golden_.hidden.empty()) GTEST_SKIP() << "a classifier";
  ASSERT_NO_FATAL_FAILURE(Load(std::make_shared<Unpooled>(Open())));
  Compare(Run(AllTexts(), WantLogits::kAll), golden_.hidden, width());
}

INSTANTIATE_TEST_SUITE_P(Folders, Encoder, testing::ValuesIn(Folders()), [](const auto& info) {
  std::string name = std::filesystem::path(info.param).filename().string() + "_" + std::to_string(info.index);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace strata
