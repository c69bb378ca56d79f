// For tests: an engine over the tiny model, and one who listens to its answers.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "models/tiny_deepseek.h"
#include "runtime/test_prefill.h"

namespace strata {

/// What the tiny model computes with.
enum class Linears : std::uint8_t {
  kFloat,      ///< f32 weights
  kLatent,     ///< f32 weights and latent attention, whose form changes within prompts and behind them
  kTwoPhases,  ///< q4_1 weights; prompts with int8 activations, the rest with int16: rows of the wrong phase differ
  kColumns,    ///< q4_1 weights rounded to int8 columns
  kChosen      ///< q4_1 weights, as the processor is served best: on AMX all in bf16
};

inline std::unique_ptr<ModelRunner> Runner(std::uint64_t kv_bytes = 0, std::int64_t max_sequences = 8,
                                           Linears linears = Linears::kFloat) {
  const bool two = linears == Linears::kTwoPhases;
  RunnerOptions options{.threads = 2,
                        .kv_dtype = DType::kF32,
                        .kv_bytes = kv_bytes,
                        .max_sequences = max_sequences,
                        .max_step_tokens = 32};
  if (linears == Linears::kColumns) options.activations = kernels::Activations::kInt8Columns;
  if (two) {
    options.activations = kernels::Activations::kInt16;
    options.prefill_linears = PrefillLinearsOf(kernels::Activations::kInt8);
  }
  std::shared_ptr<const ModelFile> model;
  if (linears == Linears::kLatent) {
    // Its rows are as large as those of the others' keys and values, and prompts of more than 7 tokens have both
    // forms.
    model = std::make_shared<TinyDeepseek>(TinyDeepseek::Shape{.latent = {0, 48, 4, 16, 8}, .max_positions = 256});
  } else {
    model = std::make_shared<TinyModel>(
        TinyModel::Options{.dtype = linears == Linears::kFloat ? DType::kF32 : DType::kQ4_1});
  }
  auto runner = ModelRunner::Load(std::move(model), options);
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  return std::move(*runner);
}

inline std::unique_ptr<Engine> MakeEngine(std::uint64_t kv_bytes = 0, const EngineOptions& options = {},
                                          Linears linears = Linears::kFloat) {
  return std::make_unique<Engine>(Runner(kv_bytes, 8, linears), nullptr, options);
}

/// Whether cached blocks have the bits that whoever takes them would have computed. Latent attention computes the last
/// tokens of a prompt otherwise than the same tokens of a longer one.
inline bool SharesExactly(Linears linears) { return linears != Linears::kLatent; }

/// For what must hold with any linears: INSTANTIATE_TEST_SUITE_P(All, Suite, kAllLinears).
class WithLinears : public testing::TestWithParam<Linears> {};
inline const auto kAllLinears =
    testing::Values(Linears::kFloat, Linears::kLatent, Linears::kTwoPhases, Linears::kColumns, Linears::kChosen);

/// No cache, no drafts: with one request at a time, every token is computed as plainly as can be.
constexpr EngineOptions kPlain = {.prefix_cache = false, .max_draft_tokens = 0};

inline std::vector<TokenId> Prompt(int length, int seed) {
  std::vector<TokenId> tokens;
  tokens.reserve(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) tokens.push_back((i * 29 + seed * 7 + 3) % 131);
  return tokens;
}

/// Everything that one request was told.
struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<EngineEvent> events;
  bool done = false;

  std::function<void(EngineEvent&&)> Listener() {
    return [this](EngineEvent&& event) {
      const std::lock_guard lock(mutex);
      EXPECT_FALSE(done) << "an event after the last";
      done = event.finish.has_value();
      events.push_back(std::move(event));
      changed.notify_all();
    };
  }
  void Wait() {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return done; }));
  }
  std::vector<TokenId> Tokens() const {
    std::vector<TokenId> all;
    for (const EngineEvent& event : events) all.insert(all.end(), event.tokens.begin(), event.tokens.end());
    return all;
  }
  FinishReason reason() const { return *events.back().finish; }
};

inline SamplingParams Greedy(std::int64_t tokens) {
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.max_tokens = tokens;
  return sampling;
}

/// Greedy, with the chosen tokens' log-probabilities: they show what tokens alone may hide.
inline SamplingParams Watched(std::int64_t tokens) {
  SamplingParams sampling = Greedy(tokens);
  sampling.logprobs = 0;
  return sampling;
}

inline EngineRequest Request(std::vector<TokenId> prompt, const SamplingParams& sampling, Answer& answer) {
  EngineRequest request;
  request.prompt = std::move(prompt);
  request.sampling = sampling;
  request.on_event = answer.Listener();
  return request;
}

inline std::vector<TokenId> Ask(Engine& engine, std::vector<TokenId> prompt, const SamplingParams& sampling) {
  Answer answer;
  EXPECT_TRUE(engine.Submit(Request(std::move(prompt), sampling, answer)));
  answer.Wait();
  return answer.Tokens();
}

/// The same tokens with the same log-probabilities, where these were asked for.
inline void ExpectSame(const Answer& got, const Answer& want, const std::string& what) {
  EXPECT_EQ(got.Tokens(), want.Tokens()) << what;
  EXPECT_EQ(got.reason(), want.reason()) << what;
  EXPECT_EQ(got.events.back().stop_token, want.events.back().stop_token) << what;
  const auto logprobs = [](const Answer& answer) {
    std::vector<float> all;
    for (const EngineEvent& event : answer.events) {
      for (const TokenLogprobs& token : event.logprobs) all.push_back(token.chosen.logprob);
    }
    return all;
  };
  EXPECT_EQ(logprobs(got), logprobs(want)) << what;
}

inline void ExpectNoLeak(Engine& engine) {
  // The engine thread publishes its gauges after the last event: give it a moment, not for ever.
  for (int i = 0; i < 200 && engine.stats().kv_blocks_used != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
}

/// Requests that are all there at once get what each gets alone, computed plainly. `ask(i, answer)` makes number i.
template <class Ask>
void ExpectEachAsAlone(Engine& crowded, Engine& plain, std::vector<Answer>& together, Ask ask) {
  for (std::size_t i = 0; i < together.size(); ++i) ASSERT_TRUE(crowded.Submit(ask(i, together[i])));
  for (std::size_t i = 0; i < together.size(); ++i) {
    together[i].Wait();
    Answer alone;
    ASSERT_TRUE(plain.Submit(ask(i, alone)));
    alone.Wait();
    ExpectSame(together[i], alone, "request " + std::to_string(i));
  }
}

}  // namespace strata
