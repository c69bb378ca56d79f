// Speculation by the model's own module: no token changes, and what it gets right saves steps.
#include <string>

#include <gtest/gtest.h>

#include "engine/draft_module.h"
#include "engine/test_engine.h"

namespace strata {
namespace {

std::unique_ptr<Engine> EngineWith(TinyDeepseek::Module module, const EngineOptions& options,
                                   std::uint64_t kv_bytes = 0) {
  auto runner = ModelRunner::Load(
      std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{.max_positions = 256, .module = module}),
      {.threads = 2, .kv_dtype = DType::kF32, .kv_bytes = kv_bytes, .max_sequences = 8, .max_step_tokens = 32});
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  EXPECT_TRUE((*runner)->has_draft_module());
  return std::make_unique<Engine>(std::move(*runner), nullptr, options);
}

TEST(DraftModules, WhatIsRightSavesSteps) {
  const auto plain = EngineWith(TinyDeepseek::Module::kRight, kPlain);
  for (int i = 0; i < 4; ++i) {
    // A new engine drafts before it has measured that rows of a tiny model cost as much as its steps. The answer goes
    // round in a circle sooner or later, and the text suggests the same as the module from then on.
    const auto engine = EngineWith(TinyDeepseek::Module::kRight, {.prefix_cache = false});
    const auto answer = Ask(*engine, Prompt(30, i), Greedy(12));
    EXPECT_EQ(answer, Ask(*plain, Prompt(30, i), Greedy(12)));
    const EngineStats stats = engine->stats();
    EXPECT_GT(stats.draft_tokens, 0);
    EXPECT_EQ(stats.accepted_tokens, stats.draft_tokens);
    EXPECT_LT(stats.steps, std::ssize(answer));
    ExpectNoLeak(*engine);
  }
}

TEST(DraftModules, NoneChangesAToken) {
  for (const auto module : {TinyDeepseek::Module::kRandom, TinyDeepseek::Module::kRight}) {
    const auto plain = EngineWith(module, kPlain);
    const auto crowded = EngineWith(module, {.prefix_cache = false}, 1 << 18);  // too small a pool for all
    std::vector<Answer> together(24);
    const auto ask = [](std::size_t i, Answer& answer) {
      SamplingParams sampling = Watched(30);
      if (i % 2 == 1) {
        sampling.temperature = 1;
        sampling.seed = i;
      }
      const auto number = static_cast<int>(i);
      return Request(Prompt(5 + number % 3 * 40, number), sampling, answer);
    };
    ExpectEachAsAlone(*crowded, *plain, together, ask);
    EXPECT_GT(crowded->stats().draft_tokens, 0);
    ExpectNoLeak(*crowded);
  }
}

/// Cached prompts keep the module's rows as they keep the model's: its guesses are as good behind them.
TEST(DraftModules, GuessesBehindACachedPrompt) {
  const auto engine = EngineWith(TinyDeepseek::Module::kRight, {});
  const std::vector<TokenId> prompt = Prompt(64, 3);
  const auto first = Ask(*engine, prompt, Greedy(8));
  const EngineStats before = engine->stats();
  EXPECT_EQ(Ask(*engine, prompt, Greedy(8)), first);
  EXPECT_GT(engine->stats().prefix_hits, 0);
  EXPECT_EQ(engine->stats().accepted_tokens - before.accepted_tokens,
            engine->stats().draft_tokens - before.draft_tokens);
}

TEST(DraftModule, LearnsHowOftenItIsRight) {
  auto runner =
      ModelRunner::Load(std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{.module = TinyDeepseek::Module::kRandom}),
                        {.threads = 1, .kv_dtype = DType::kF32, .max_sequences = 1});
  ASSERT_TRUE(runner);
  DraftModule module(**runner);
  const float unknown = module.chance();
  std::vector<std::int32_t> table;
  ASSERT_TRUE((*runner)->kv().Allocate(8, table));
  std::vector<TokenId> tokens = {1, 2};
  Guess guess;
  const auto step = [&](bool right) {
    const auto at = std::ssize(tokens) - 2;
    const SequenceSlice slice{std::span(tokens).subspan(static_cast<std::size_t>(at), 1), at, table};
    ASSERT_TRUE((*runner)->Run({&slice, 1}));
    const DraftModule::Reader reader{0, at, at + 1, tokens, table, true, &guess};
    ASSERT_TRUE(module.Read({&reader, 1}));
    ASSERT_EQ(guess.place, std::ssize(tokens));
    tokens.push_back(right ? guess.token : (guess.token + 1) % 131);
  };
  for (int i = 0; i < 40; ++i) step(true);
  EXPECT_GT(module.chance(), unknown);
  for (int i = 0; i < 60; ++i) step(false);
  EXPECT_LT(module.chance(), unknown);
}

}  // namespace
}  // namespace strata
