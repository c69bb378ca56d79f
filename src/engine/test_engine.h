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
#include "runtime/tiny_model.h"

namespace strata {

inline std::unique_ptr<ModelRunner> Runner(std::uint64_t kv_bytes = 0, std::int64_t max_sequences = 8) {
  auto runner =
      ModelRunner::Load(std::make_shared<TinyModel>(TinyModel::Options{}),
                        {.threads = 2, .kv_bytes = kv_bytes, .max_sequences = max_sequences, .max_step_tokens = 32});
  EXPECT_TRUE(runner) << (runner ? "" : runner.error().ToString());
  return std::move(*runner);
}

inline std::unique_ptr<Engine> MakeEngine(std::uint64_t kv_bytes = 0, EngineOptions options = {}) {
  return std::make_unique<Engine>(Runner(kv_bytes), nullptr, options);
}

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

inline void ExpectNoLeak(Engine& engine) {
  // The engine thread publishes its gauges after the last event: give it a moment, not for ever.
  for (int i = 0; i < 200 && engine.stats().kv_blocks_used != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
}

}  // namespace strata
