#include "engine/pooling_engine.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/pooling_queue.h"
#include "models/tiny_encoder.h"

namespace strata {
namespace {

std::vector<TokenId> Text(std::size_t length, int seed) {
  std::vector<TokenId> tokens(length);
  for (std::size_t i = 0; i < length; ++i)
    tokens[i] = static_cast<TokenId>((i * 7 + static_cast<std::size_t>(seed) * 13) % 131);
  return tokens;
}

std::unique_ptr<PoolingJob> Job(RequestId id, const std::vector<std::size_t>& lengths, std::int32_t tenant = 0) {
  auto job = std::make_unique<PoolingJob>();
  job->id = id;
  job->request.tenant = tenant;
  for (const std::size_t length : lengths) job->request.inputs.push_back({.tokens = Text(length, 0)});
  return job;
}

TEST(PoolingQueue, TakesTheLongestTextsThatFit) {
  PoolingQueue queue({});
  queue.Add(Job(1, {5, 30, 20, 8}));
  std::vector<std::size_t> inputs;
  std::int64_t room = 40;
  while (const PoolingQueue::Pick pick = queue.Next(room)) {
    inputs.push_back(pick.input);
    room -= static_cast<std::int64_t>(pick.job->request.inputs[pick.input].tokens.size());
  }
  EXPECT_EQ(inputs, (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(queue.inputs(), 4);
  EXPECT_EQ(queue.Next(100).input, 2U);
  EXPECT_EQ(queue.Next(100).input, 0U);
  EXPECT_FALSE(queue.Next(100));
}

TEST(PoolingQueue, AFewTextsDoNotWaitForAThousand) {
  PoolingQueue queue({});
  queue.Add(Job(1, std::vector<std::size_t>(1000, 10)));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(queue.Next(100));
  queue.Add(Job(2, {10, 10}));
  std::vector<RequestId> order;
  for (int i = 0; i < 4; ++i) order.push_back(queue.Next(100).job->id);
  EXPECT_EQ(order, (std::vector<RequestId>{1, 2, 1, 2}));
}

TEST(PoolingQueue, TenantsShareByWeightHoweverManyRequestsTheyHave) {
  PoolingQueue queue({1, 1, 2});
  for (RequestId id = 0; id < 5; ++id) queue.Add(Job(id, std::vector<std::size_t>(100, 10), 1));
  queue.Add(Job(9, std::vector<std::size_t>(100, 10), 2));
  int of_second = 0;
  for (int i = 0; i < 90; ++i) of_second += queue.Next(100).job->request.tenant == 2 ? 1 : 0;
  EXPECT_EQ(of_second, 60);
}

/// The answer to one request.
struct Answer {
  std::mutex mutex;
  std::condition_variable came;
  std::optional<Result<PooledRows>> result;

  std::function<void(Result<PooledRows>&&)> Callback() {
    return [this](Result<PooledRows>&& given) {
      const std::lock_guard lock(mutex);
      ASSERT_FALSE(result) << "answered twice";
      result = std::move(given);
      came.notify_all();
    };
  }
  Result<PooledRows>& Wait() {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(came.wait_for(lock, std::chrono::seconds(60), [&] { return result.has_value(); }));
    return *result;
  }
};

std::unique_ptr<PoolingEngine> MakeEngine(const TinyEncoder::Options& model = {}, PoolingEngineOptions options = {}) {
  auto runner = ModelRunner::Load(std::make_shared<TinyEncoder>(model),
                                  {.threads = 2, .max_sequences = 8, .max_step_tokens = 64});
  EXPECT_TRUE(runner) << runner.error().ToString();
  return std::make_unique<PoolingEngine>(std::move(*runner), std::move(options));
}

std::vector<float> Ask(PoolingEngine& engine, std::vector<PoolingInput> inputs) {
  Answer answer;
  EXPECT_TRUE(engine.Submit({.inputs = std::move(inputs), .on_done = answer.Callback()}));
  const Result<PooledRows>& rows = answer.Wait();
  EXPECT_TRUE(rows) << rows.error().ToString();
  return rows ? rows->values : std::vector<float>();
}

TEST(PoolingEngine, GivesEachTextTheRowThatItHasAlone) {
  const auto engine = MakeEngine({}, {.step_tokens = 48});
  std::vector<PoolingInput> inputs;
  std::vector<float> alone;
  for (int i = 0; i < 40; ++i) {
    // Up to the whole context, which is longer than a step.
    inputs.push_back({.tokens = Text(static_cast<std::size_t>(1 + i * 37 % 64), i)});
    const std::vector<float> row = Ask(*engine, {inputs.back()});
    alone.insert(alone.end(), row.begin(), row.end());
  }
  const std::int64_t before = engine->stats().steps;
  EXPECT_EQ(Ask(*engine, inputs), alone);
  EXPECT_LT(engine->stats().steps - before, 40) << "texts share steps";
  EXPECT_EQ(engine->stats().inputs, 80);
  EXPECT_EQ(engine->stats().inputs_waiting, 0);
}

TEST(PoolingEngine, TokenTypesMatter) {
  const auto engine = MakeEngine();
  const PoolingInput plain{.tokens = Text(10, 1)};
  PoolingInput typed = plain;
  typed.token_types.assign(10, 0);
  EXPECT_EQ(Ask(*engine, {plain}), Ask(*engine, {typed}));
  typed.token_types.back() = 1;
  EXPECT_NE(Ask(*engine, {plain}), Ask(*engine, {typed}));
}

TEST(PoolingEngine, GivesAScoreALabel) {
  const auto engine = MakeEngine({.task = ModelTask::kClassify, .labels = 1});
  const std::vector<float> scores = Ask(*engine, {{.tokens = Text(10, 1)}, {.tokens = Text(20, 2)}});
  ASSERT_EQ(scores.size(), 2U);
  for (const float score : scores) EXPECT_TRUE(score > 0 && score < 1) << score;
  EXPECT_NE(scores[0], scores[1]);
  EXPECT_EQ(Ask(*MakeEngine({.task = ModelTask::kClassify, .labels = 3}), {{.tokens = Text(10, 1)}}).size(), 3U);
}

TEST(PoolingEngine, RefusesByTheInput) {
  const auto engine = MakeEngine({.max_positions = 32});
  const auto refused = [&](std::vector<PoolingInput> inputs) {
    const auto id = engine->Submit({.inputs = std::move(inputs), .on_done = [](auto&&) { FAIL(); }});
    EXPECT_FALSE(id);
    return id ? "" : id.error().param();
  };
  const PoolingInput good{.tokens = Text(4, 0)};
  EXPECT_EQ(refused({}), "inputs[0]");
  EXPECT_EQ(refused({good, {}}), "inputs[1]");
  EXPECT_EQ(refused({good, {.tokens = Text(33, 0)}}), "inputs[1]");
  EXPECT_EQ(refused({{.tokens = {131}}}), "inputs[0]");
  EXPECT_EQ(refused({{.tokens = {-1}}}), "inputs[0]");
  EXPECT_EQ(refused({{.tokens = {1, 2}, .token_types = {0}}}), "inputs[0]");
  EXPECT_EQ(refused({{.tokens = {1, 2}, .token_types = {0, 2}}}), "inputs[0]");
}

TEST(PoolingEngine, EndsWhatIsCancelledAndWhatIsLate) {
  Answer cancelled, late, other;  // they outlive the engine
  const auto engine = MakeEngine();
  const std::vector<PoolingInput> many(5000, {.tokens = Text(64, 1)});
  const auto id = engine->Submit({.inputs = many, .on_done = cancelled.Callback()});
  ASSERT_TRUE(id);
  ASSERT_TRUE(
      engine->Submit({.inputs = many, .on_done = late.Callback(), .deadline = std::chrono::steady_clock::now()}));
  engine->Cancel(*id);
  EXPECT_EQ(cancelled.Wait().error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(late.Wait().error().code(), ErrorCode::kDeadlineExceeded);
  ASSERT_TRUE(engine->Submit({.inputs = {many.front()}, .on_done = other.Callback()}));
  EXPECT_TRUE(other.Wait());
  engine->Cancel(*id);  // it ended
  EXPECT_TRUE(engine->Drain(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  EXPECT_EQ(engine->stats().requests, 0);
}

TEST(PoolingEngine, QueuesSoManyAndDrains) {
  std::promise<void> begun, go_on;
  Answer second;
  const auto engine = MakeEngine({}, {.max_queued = 2});
  const std::vector<PoolingInput> one = {{.tokens = Text(4, 1)}};
  // The first is held in its callback, so that the queue stays full.
  ASSERT_TRUE(engine->Submit({.inputs = one, .on_done = [&](Result<PooledRows>&&) {
                                begun.set_value();
                                go_on.get_future().wait();
                              }}));
  begun.get_future().wait();
  EXPECT_TRUE(engine->Submit({.inputs = one, .on_done = second.Callback()}));
  const auto third = engine->Submit({.inputs = one, .on_done = [](auto&&) { FAIL(); }});
  EXPECT_FALSE(third);
  if (!third) EXPECT_EQ(third.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_FALSE(engine->Drain(std::chrono::steady_clock::now()));
  go_on.set_value();
  EXPECT_TRUE(engine->Drain(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  EXPECT_TRUE(second.Wait());
  const auto late = engine->Submit({.inputs = one, .on_done = [](auto&&) { FAIL(); }});
  EXPECT_TRUE(!late && late.error().code() == ErrorCode::kUnavailable);
}

TEST(PoolingEngine, ItsEndCancelsWhatRuns) {
  Answer answer;
  {
    const auto engine = MakeEngine();
    const std::vector<PoolingInput> many(5000, {.tokens = Text(64, 1)});
    ASSERT_TRUE(engine->Submit({.inputs = many, .on_done = answer.Callback()}));
  }
  EXPECT_EQ(answer.Wait().error().code(), ErrorCode::kCancelled);
}

TEST(NormalizeVector, MakesTheLengthOne) {
  std::vector<float> vector = {3, 4};
  NormalizeVector(vector);
  EXPECT_FLOAT_EQ(vector[0], 0.6F);
  EXPECT_FLOAT_EQ(vector[1], 0.8F);
  std::vector<float> nothing = {0, 0};
  NormalizeVector(nothing);
  EXPECT_EQ(nothing, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace strata
