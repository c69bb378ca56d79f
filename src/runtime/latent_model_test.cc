// A model with latent attention in both forms of its computation: they agree, and each gives the same bits however a
// sequence is cut into steps and whatever runs beside it.
#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "models/tiny_deepseek.h"
#include "runtime/latent_attention.h"
#include "runtime/model_runner.h"

namespace strata {
namespace {

using Tokens = std::vector<std::int32_t>;

std::unique_ptr<ModelRunner> Load(const TinyDeepseek::Shape& shape, DType kv_dtype = DType::kF32, int threads = 2) {
  auto runner = ModelRunner::Load(
      std::make_shared<TinyDeepseek>(shape),
      {.threads = threads, .kv_dtype = kv_dtype, .max_sequences = 8, .max_step_tokens = 640, .max_logit_rows = 640});
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  return runner ? std::move(*runner) : nullptr;
}

Tokens SomeTokens(int count, int seed = 1) {
  Tokens tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + seed * 11) % 131);
  return tokens;
}

constexpr std::int64_t kLongPrompt = 1 << 20;

/// All logits of a sequence in steps of these sizes, the last one repeated. Tokens before `prompt` are of kPrefill,
/// those of a prompt of `said` tokens: its last ones would be absorbed. No step has both.
std::vector<float> LogitsOf(ModelRunner& runner, const Tokens& tokens, std::int64_t prompt,
                            const std::vector<std::int64_t>& steps, std::int64_t said = kLongPrompt) {
  Tokens table;
  const auto length = std::ssize(tokens);
  EXPECT_TRUE(runner.kv().Allocate(KvPool::BlocksFor(length), table));
  std::vector<float> all;
  std::int64_t at = 0;
  for (std::size_t step = 0; at < length; ++step) {
    const std::int64_t wanted = steps[std::min(step, steps.size() - 1)];
    const std::int64_t rows = std::min(wanted, (at < prompt ? prompt : length) - at);
    const SequenceSlice slice{std::span(tokens).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(rows)),
                              at,
                              table,
                              WantLogits::kAll,
                              RowResult::kLogits,
                              at < prompt ? Phase::kPrefill : Phase::kDecode,
                              said};
    const auto logits = runner.Run({&slice, 1});
    EXPECT_TRUE(logits);
    all.insert(all.end(), logits->data, logits->data + logits->rows * logits->width);
    at += rows;
  }
  runner.kv().Release(table);
  return all;
}

/// max|a - b| / max|b|.
double Difference(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  return error / scale;
}

struct Variant {
  const char* name;
  TinyDeepseek::Shape shape;
};

class Variants : public testing::TestWithParam<Variant> {};

TEST_P(Variants, AbsorbedAndExpandedAgree) {
  const auto runner = Load(GetParam().shape);
  ASSERT_NE(runner, nullptr);
  const Tokens tokens = SomeTokens(300);  // over a border of the softmax's stretches
  const std::vector<float> absorbed = LogitsOf(*runner, tokens, 0, {300});
  const std::vector<float> expanded = LogitsOf(*runner, tokens, 300, {300});
  ASSERT_EQ(absorbed.size(), expanded.size());
  EXPECT_LT(Difference(expanded, absorbed), 1e-4);
  EXPECT_NE(expanded, absorbed);  // else one of them was not computed
}

TEST_P(Variants, ChunksGiveTheSameBits) {
  const Tokens tokens = SomeTokens(290);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kI8}) {
    const auto runner = Load(GetParam().shape, dtype);
    ASSERT_NE(runner, nullptr);
    // Outputs alone; a prompt and outputs; a prompt, of which the last tokens are absorbed as outputs are.
    for (const auto& [prompt, said] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {150, kLongPrompt}, {290, 290}}) {
      const std::vector<float> whole = LogitsOf(*runner, tokens, prompt, {290}, said);
      for (const std::vector<std::int64_t>& steps :
           {std::vector<std::int64_t>{7, 16, 1, 1, 200, 1}, {33, 64, 1, 100}, {255, 1, 2}}) {
        EXPECT_TRUE(LogitsOf(*runner, tokens, prompt, steps, said) == whole)
            << Info(dtype).name << " prompt " << prompt << " first chunk " << steps.front();
      }
    }
  }
}

TEST_P(Variants, ABatchOfBothFormsGivesEachWhatItGetsAlone) {
  for (const int threads : {1, 2}) {
    const auto runner = Load(GetParam().shape, DType::kF32, threads);
    ASSERT_NE(runner, nullptr);
    std::vector<Tokens> texts, tables;
    std::vector<std::vector<float>> alone;
    std::vector<SequenceSlice> slices;
    for (int i = 0; i < 5; ++i) {
      texts.push_back(SomeTokens(3 + 60 * i, i));
      alone.push_back(LogitsOf(*runner, texts.back(), i % 2 == 0 ? std::ssize(texts.back()) : 0, {640}));
      EXPECT_TRUE(runner->kv().Allocate(KvPool::BlocksFor(std::ssize(texts.back())), tables.emplace_back()));
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Phase phase = i % 2 == 0 ? Phase::kPrefill : Phase::kDecode;
      slices.push_back({texts[i], 0, tables[i], WantLogits::kLast, RowResult::kLogits, phase, kLongPrompt});
    }
    const auto logits = runner->Run(slices);
    ASSERT_TRUE(logits);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto row = logits->row(static_cast<std::int64_t>(i));
      EXPECT_TRUE(std::ranges::equal(row, std::span(alone[i]).last(row.size()))) << "sequence " << i;
      runner->kv().Release(tables[i]);
    }
  }
}

/// The end of a prompt has the bits of outputs, what is before it those of a longer prompt.
TEST_P(Variants, TheEndOfAPromptIsAbsorbed) {
  const auto runner = Load(GetParam().shape);
  ASSERT_NE(runner, nullptr);
  const std::int64_t tail = AbsorbedPromptRows(*runner->config().latent);
  ASSERT_LT(tail, 100);
  const Tokens tokens = SomeTokens(150);
  const std::vector<float> mixed = LogitsOf(*runner, tokens, 150, {150}, 150);
  EXPECT_TRUE(mixed == LogitsOf(*runner, tokens, 150 - tail, {150 - tail, tail}));
  EXPECT_EQ(AbsorbedPromptRows({1536, 512, 128, 64, 128}), 171) << "DeepSeek-V3's shape";
}

/// Decoding far behind: the context's splits go to both ranks.
TEST_P(Variants, SplitsOfALongContextGiveTheBitsOfTheWhole) {
  const auto runner = Load(GetParam().shape, DType::kF16);
  ASSERT_NE(runner, nullptr);
  const Tokens tokens = SomeTokens(600);
  const std::vector<float> whole = LogitsOf(*runner, tokens, 0, {600});  // too many rows for splits
  EXPECT_TRUE(LogitsOf(*runner, tokens, 0, {570, 1}) == whole);
}

/// GGUF has had W_UK and W_UV apart, the first one transposed, since llama.cpp absorbs them.
TEST_P(Variants, WeightsApartGiveTheBitsOfMergedOnes) {
  TinyDeepseek::Shape apart = GetParam().shape;
  apart.weights_apart = true;
  const auto merged_runner = Load(GetParam().shape), apart_runner = Load(apart);
  ASSERT_NE(merged_runner, nullptr);
  ASSERT_NE(apart_runner, nullptr);
  const Tokens tokens = SomeTokens(60);
  EXPECT_TRUE(LogitsOf(*merged_runner, tokens, 30, {60}) == LogitsOf(*apart_runner, tokens, 30, {60}));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Variants,
                         testing::Values(Variant{"usual", {}}, Variant{"no_q_rank", {.latent = {0, 32, 16, 8, 16}}},
                                         Variant{"odd", {.heads = 3, .latent = {19, 21, 13, 6, 11}}},
                                         Variant{"many_heads", {.heads = 35, .latent = {0, 16, 4, 4, 4}}}),
                         [](const auto& info) { return std::string(info.param.name); });

/// One row a token and layer, whatever the heads are.
TEST(LatentKv, BytesOfATokenAreThoseOfOneRow) {
  const auto runner = Load({.heads = 8, .latent = {0, 512, 16, 64, 16}}, DType::kBF16);
  ASSERT_NE(runner, nullptr);
  const KvPool& kv = runner->kv();
  EXPECT_EQ(kv.bytes(), static_cast<std::uint64_t>(kv.blocks() * kernels::kKvBlock * runner->config().layers * 1152));
}

}  // namespace
}  // namespace strata
