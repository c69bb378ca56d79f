#include "engine/engine.h"

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "engine/sampler.h"
#include "engine/test_engine.h"
#include "engine/text_stream.h"

namespace strata {
namespace {

TEST(Engine, GivesAsManyTokensAsAsked) {
  const auto engine = MakeEngine();
  Answer answer;
  ASSERT_TRUE(engine->Submit(Request(Prompt(10, 1), Greedy(12), answer)));
  answer.Wait();
  EXPECT_EQ(answer.Tokens().size(), 12U);
  EXPECT_EQ(answer.reason(), FinishReason::kLength);
  EXPECT_EQ(answer.events.back().prompt_tokens, 10);
  ExpectNoLeak(*engine);
}

TEST(Engine, TheArgmaxThatTheRunnerKeepsIsWhatTheSamplerChooses) {
  const auto engine = MakeEngine();
  for (int i = 0; i < 8; ++i) {
    SamplingParams from_logits = Greedy(20);
    from_logits.logprobs = 0;  // logits are written, and the sampler looks for the greatest
    EXPECT_EQ(Ask(*engine, Prompt(5 + 9 * i, i), Greedy(20)), Ask(*engine, Prompt(5 + 9 * i, i), from_logits));
  }
}

TEST(Engine, PromptLogprobsOfManyRequestsShareTheRowsOfAStep) {
  // 8 rows for 8 sequences: none is left to share, so each of these prompts is computed row by row.
  auto runner = ModelRunner::Load(std::make_shared<TinyModel>(TinyModel::Options{}),
                                  {.threads = 2, .max_sequences = 8, .max_step_tokens = 32, .max_logit_rows = 8});
  ASSERT_TRUE(runner) << runner.error().ToString();
  Engine narrow(std::move(*runner), nullptr, {});
  const auto wide = MakeEngine();
  SamplingParams sampling = Greedy(3);
  sampling.prompt_logprobs = 2;
  std::vector<Answer> answers(8);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(narrow.Submit(
        Request(Prompt(10 + i, i), i % 2 == 0 ? sampling : Greedy(9), answers[static_cast<std::size_t>(i)])));
  }
  for (int i = 0; i < 8; ++i) {
    Answer& answer = answers[static_cast<std::size_t>(i)];
    answer.Wait();
    Answer alone;
    ASSERT_TRUE(wide->Submit(Request(Prompt(10 + i, i), i % 2 == 0 ? sampling : Greedy(9), alone)));
    alone.Wait();
    EXPECT_EQ(answer.Tokens(), alone.Tokens());
    std::vector<TokenLogprobs> got, want;
    for (const EngineEvent& event : answer.events)
      got.insert(got.end(), event.prompt_logprobs.begin(), event.prompt_logprobs.end());
    for (const EngineEvent& event : alone.events)
      want.insert(want.end(), event.prompt_logprobs.begin(), event.prompt_logprobs.end());
    ASSERT_EQ(got.size(), i % 2 == 0 ? static_cast<std::size_t>(9 + i) : 0U);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t r = 0; r < got.size(); ++r) EXPECT_EQ(got[r].chosen.logprob, want[r].chosen.logprob);
  }
}

class Streams : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, Streams, kAllLinears);

TEST_P(Streams, GiveMixedWhatEachGivesAlone) {
  const auto engine = MakeEngine(0, {}, GetParam());
  const auto plain = MakeEngine(0, kPlain, GetParam());
  std::vector<Answer> alone(32), answers(32);
  const auto request = [](int i, Answer& answer) { return Request(Prompt(1 + i * 3, i), Watched(5 + i % 9), answer); };
  for (int i = 0; i < 32; ++i) {
    Answer& answer = alone[static_cast<std::size_t>(i)];
    ASSERT_TRUE(plain->Submit(request(i, answer)));
    answer.Wait();
  }
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(engine->Submit(request(i, answers[static_cast<std::size_t>(i)])));
  for (std::size_t i = 0; i < 32; ++i) {
    answers[i].Wait();
    ExpectSame(answers[i], alone[i], "stream " + std::to_string(i));
  }
  ExpectNoLeak(*engine);
}

TEST_P(Streams, AreNotChangedByPreemption) {
  std::vector<Answer> roomy(6);
  for (int i = 0; i < 6; ++i) {
    const auto engine = MakeEngine(0, kPlain, GetParam());
    ASSERT_TRUE(engine->Submit(Request(Prompt(20, i), Watched(60), roomy[static_cast<std::size_t>(i)])));
    roomy[static_cast<std::size_t>(i)].Wait();
  }
  // 16 blocks of 16 tokens: three of the six fit with their answers.
  const auto block = static_cast<std::uint64_t>(kernels::KvLayer::BlockBytes(2, 16, DType::kF32)) * 2;
  for (const bool prefix_cache : {true, false}) {  // false: prompt and output are computed again
    const auto engine = MakeEngine(16 * block, {.prefix_cache = prefix_cache, .max_draft_tokens = 0}, GetParam());
    std::vector<Answer> answers(6);
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(engine->Submit(Request(Prompt(20, i), Watched(60), answers[static_cast<std::size_t>(i)])));
    }
    for (std::size_t i = 0; i < 6; ++i) {
      answers[i].Wait();
      ExpectSame(answers[i], roomy[i], "stream " + std::to_string(i));
    }
    EXPECT_GT(engine->stats().preemptions, 0);
    ExpectNoLeak(*engine);
  }
}

TEST(Engine, AThousandAbortedStreamsLeakNothing) {
  const auto engine = MakeEngine();
  int cancelled = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<Answer> answers(20);
    std::vector<RequestId> ids;
    for (int i = 0; i < 20; ++i) {
      const auto id = engine->Submit(Request(Prompt(5 + i, i), Greedy(200), answers[static_cast<std::size_t>(i)]));
      ASSERT_TRUE(id);
      ids.push_back(*id);
    }
    for (const RequestId id : ids) engine->Cancel(id);
    for (Answer& answer : answers) {
      answer.Wait();
      // On a disturbed machine an answer may be complete before its cancellation is sent.
      EXPECT_TRUE(answer.reason() == FinishReason::kCancelled || answer.reason() == FinishReason::kLength);
      cancelled += answer.reason() == FinishReason::kCancelled ? 1 : 0;
    }
  }
  EXPECT_GT(cancelled, 0);
  ExpectNoLeak(*engine);
}

TEST(Engine, StopTokensEndTheAnswer) {
  const auto engine = MakeEngine();
  const auto free = Ask(*engine, Prompt(9, 4), Greedy(10));
  SamplingParams sampling = Greedy(10);
  sampling.stop_token_ids = {free[4]};
  const auto stopped = Ask(*engine, Prompt(9, 4), sampling);
  const auto first = std::ranges::find(free, free[4]) - free.begin();
  EXPECT_EQ(stopped, std::vector<TokenId>(free.begin(), free.begin() + first + 1));
  sampling.min_tokens = 10;
  EXPECT_EQ(Ask(*engine, Prompt(9, 4), sampling).size(), 10U);
}

TEST(Engine, DeadlinesEndARequestAlone) {
  const auto engine = MakeEngine();
  Answer late, fine;
  EngineRequest request = Request(Prompt(4, 1), Greedy(200), late);
  request.deadline = std::chrono::steady_clock::now();
  ASSERT_TRUE(engine->Submit(std::move(request)));
  ASSERT_TRUE(engine->Submit(Request(Prompt(4, 2), Greedy(8), fine)));
  late.Wait();
  fine.Wait();
  EXPECT_EQ(late.reason(), FinishReason::kError);
  EXPECT_EQ(late.events.back().error->code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(fine.Tokens().size(), 8U);
}

TEST(Engine, PromptLogprobsCoverThePrompt) {
  const auto engine = MakeEngine();
  SamplingParams sampling = Greedy(0);
  sampling.prompt_logprobs = 2;
  Answer answer;
  ASSERT_TRUE(engine->Submit(Request(Prompt(50, 3), sampling, answer)));
  answer.Wait();
  ASSERT_EQ(answer.events.size(), 1U);
  const auto& logprobs = answer.events[0].prompt_logprobs;
  ASSERT_EQ(logprobs.size(), 49U);
  for (std::size_t i = 0; i < logprobs.size(); ++i) {
    EXPECT_EQ(logprobs[i].chosen.token, Prompt(50, 3)[i + 1]);
    EXPECT_LE(logprobs[i].chosen.logprob, logprobs[i].top[0].logprob);
    EXPECT_EQ(logprobs[i].top.size(), 2U);
  }
}

TEST(Engine, LogprobsComeWithTheirTokens) {
  const auto engine = MakeEngine();
  SamplingParams sampling = Greedy(6);
  sampling.logprobs = 3;
  Answer answer;
  ASSERT_TRUE(engine->Submit(Request(Prompt(7, 3), sampling, answer)));
  answer.Wait();
  for (const EngineEvent& event : answer.events) {
    ASSERT_EQ(event.logprobs.size(), event.tokens.size());
    for (std::size_t i = 0; i < event.tokens.size(); ++i) {
      EXPECT_EQ(event.logprobs[i].chosen.token, event.tokens[i]);
      EXPECT_EQ(event.logprobs[i].chosen.rank, 1);
    }
  }
}

TEST(Engine, DrainRefusesNewRequestsAndWaitsForOld) {
  const auto engine = MakeEngine();
  Answer answer, refused;
  ASSERT_TRUE(engine->Submit(Request(Prompt(7, 3), Greedy(20), answer)));
  EXPECT_TRUE(engine->Drain(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  EXPECT_EQ(answer.Tokens().size(), 20U);
  const auto id = engine->Submit(Request(Prompt(7, 3), Greedy(20), refused));
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kUnavailable);
}

TEST(Engine, EndsWhatRunsWhenItIsDestroyed) {
  Answer answer;
  {
    const auto engine = MakeEngine();
    ASSERT_TRUE(engine->Submit(Request(Prompt(7, 3), Greedy(240), answer)));
  }
  EXPECT_TRUE(answer.done);
}

struct BadRequest {
  const char* param;
  std::function<void(EngineRequest&)> spoil;
};
void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.param; }

class BadRequests : public testing::TestWithParam<BadRequest> {};
TEST_P(BadRequests, AreRefusedByName) {
  static const auto engine = MakeEngine();
  Answer answer;
  EngineRequest request = Request(Prompt(7, 3), Greedy(4), answer);
  GetParam().spoil(request);
  const auto id = engine->Submit(std::move(request));
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(id.error().param(), GetParam().param);
}
INSTANTIATE_TEST_SUITE_P(
    Fields, BadRequests,
    testing::Values(BadRequest{"prompt", [](EngineRequest& r) { r.prompt.clear(); }},
                    BadRequest{"prompt", [](EngineRequest& r) { r.prompt = Prompt(256, 1); }},
                    BadRequest{"prompt", [](EngineRequest& r) { r.prompt = {131}; }},
                    BadRequest{"prompt", [](EngineRequest& r) { r.prompt = {-1}; }},
                    BadRequest{"temperature", [](EngineRequest& r) { r.sampling.temperature = -0.1; }},
                    BadRequest{"temperature", [](EngineRequest& r) { r.sampling.temperature = std::nan(""); }},
                    BadRequest{"top_p", [](EngineRequest& r) { r.sampling.top_p = 0; }},
                    BadRequest{"top_p", [](EngineRequest& r) { r.sampling.top_p = 1.1; }},
                    BadRequest{"top_k", [](EngineRequest& r) { r.sampling.top_k = -2; }},
                    BadRequest{"min_p", [](EngineRequest& r) { r.sampling.min_p = 2; }},
                    BadRequest{"presence_penalty", [](EngineRequest& r) { r.sampling.presence_penalty = 3; }},
                    BadRequest{"frequency_penalty", [](EngineRequest& r) { r.sampling.frequency_penalty = -3; }},
                    BadRequest{"repetition_penalty", [](EngineRequest& r) { r.sampling.repetition_penalty = 0; }},
                    BadRequest{"max_tokens", [](EngineRequest& r) { r.sampling.max_tokens = 0; }},
                    BadRequest{"min_tokens", [](EngineRequest& r) { r.sampling.min_tokens = 5; }},
                    BadRequest{"logit_bias", [](EngineRequest& r) { r.sampling.logit_bias = {{500, 1.0F}}; }},
                    BadRequest{"logit_bias", [](EngineRequest& r) { r.sampling.logit_bias = {{5, 101.0F}}; }},
                    BadRequest{"stop_token_ids", [](EngineRequest& r) { r.sampling.stop_token_ids = {131}; }},
                    BadRequest{"allowed_token_ids", [](EngineRequest& r) { r.sampling.allowed_token_ids = {-1}; }}));

TEST(Sampler, GreedyTakesTheFirstOfEquals) {
  const std::vector<float> logits = {1, 3, 3, 2};
  EXPECT_EQ(Sampler(Greedy(1), {}, 1).Sample(logits, {}), 1);
  EXPECT_EQ(Sampler(Greedy(1), {}, 1).Sample(logits, std::vector<TokenId>{1}), 2);
}

/// How often each token comes in `count` draws.
std::map<TokenId, int> Draw(const SamplingParams& params, const std::vector<float>& logits, int count = 20'000) {
  std::map<TokenId, int> counts;
  Sampler sampler(params, {}, 7);
  for (int i = 0; i < count; ++i) ++counts[sampler.Sample(logits, {})];
  return counts;
}

TEST(Sampler, TakesOnlyWhatIsAllowed) {
  std::mt19937 random(3);
  std::vector<float> logits(100);
  for (float& logit : logits) logit = static_cast<float>(random() % 1000) / 200;
  const std::vector<std::uint32_t> allowed = {0x00f00ff0, 0, 0x80000001};  // and of the last word none
  std::vector<float> only = logits;
  for (std::size_t i = 0; i < only.size(); ++i) {
    if (i >= 96 || (allowed[i / 32] >> (i % 32) & 1) == 0) only[i] = -std::numeric_limits<float>::infinity();
  }
  for (const double temperature : {0.0, 1.0}) {
    for (const double penalty : {0.0, 0.5}) {
      SamplingParams params = Greedy(1);
      params.seed = 5;
      params.temperature = temperature;
      params.presence_penalty = penalty;
      Sampler masked(params, {}, 1), plain(params, {}, 1);
      for (int i = 0; i < 100; ++i) ASSERT_EQ(masked.Sample(logits, {}, allowed), plain.Sample(only, {}));
    }
  }
  // What ends an answer may come too early where nothing else is allowed.
  const std::vector<std::uint32_t> one = {0, 1U << 3};
  EXPECT_EQ(Sampler(Greedy(1), {}, 1).Sample(logits, std::vector<TokenId>{35}, one), 35);
  EXPECT_EQ(Sampler(Greedy(1), {}, 1).Sample(logits, std::vector<TokenId>{35}, std::vector<std::uint32_t>{8, 8}), 3);
}

TEST(Sampler, FollowsTheDistribution) {
  const auto counts = Draw({}, {std::log(0.5F), std::log(0.3F), std::log(0.2F)});
  EXPECT_NEAR(counts.at(0) / 20'000.0, 0.5, 0.02);
  EXPECT_NEAR(counts.at(1) / 20'000.0, 0.3, 0.02);
}

TEST(Sampler, TemperatureSharpens) {
  SamplingParams params;
  params.temperature = 0.5;  // squares the ratios
  const auto counts = Draw(params, {std::log(0.5F), std::log(0.25F)});
  EXPECT_NEAR(counts.at(0) / 20'000.0, 0.8, 0.02);
}

TEST(Sampler, TopKTopPAndMinPCut) {
  const std::vector<float> logits = {std::log(0.4F), std::log(0.3F), std::log(0.2F), std::log(0.1F)};
  SamplingParams params;
  params.top_k = 2;
  EXPECT_EQ(Draw(params, logits, 2000).size(), 2U);
  params = {};
  params.top_p = 0.65;
  EXPECT_EQ(Draw(params, logits, 2000).size(), 2U);
  params = {};
  params.min_p = 0.45;
  EXPECT_EQ(Draw(params, logits, 2000).size(), 3U);
  params.min_p = 1;
  EXPECT_EQ(Draw(params, logits, 2000).size(), 1U);
}

TEST(Sampler, ATailIsDrawnAsOftenAsItWeighs) {
  std::vector<float> logits(5001, -9);  // each has e^-9 of the first one's chance, all together 0.617 of it
  logits[2500] = 0;
  const int first = Draw({}, logits).at(2500);
  EXPECT_NEAR(first / 20'000.0, 1 / (1 + 5000 * std::exp(-9.0)), 0.02);
  SamplingParams params;
  params.top_k = 301;  // of equals, those with the lowest ids
  for (const auto& [token, count] : Draw(params, logits)) EXPECT_TRUE(token < 300 || token == 2500) << token;
  params = {};
  params.top_p = 0.8;
  const double cut = 0.8 * (1 + 5000 * std::exp(-9.0));  // of the mass, 1 is the first one's
  EXPECT_NEAR(Draw(params, logits).at(2500) / 20'000.0, 1 / cut, 0.02);
}

TEST(Sampler, ASeedRepeats) {
  SamplingParams params;
  params.seed = 11;
  const std::vector<float> logits(100, 0.0F);
  Sampler one(params, {}, 1), two(params, {}, 2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.Sample(logits, {}), two.Sample(logits, {}));
}

TEST(Sampler, PenaltiesAndBias) {
  SamplingParams params = Greedy(1);
  params.presence_penalty = 1;
  Sampler presence(params, {}, 1);
  EXPECT_EQ(presence.Sample(std::vector<float>{2, 1.5F}, {}), 0);
  EXPECT_EQ(presence.Sample(std::vector<float>{2, 1.5F}, {}), 1);
  params = Greedy(1);
  params.repetition_penalty = 2;
  const std::vector<TokenId> prompt = {0};
  EXPECT_EQ(Sampler(params, prompt, 1).Sample(std::vector<float>{2, 1.5F}, {}), 1);
  EXPECT_EQ(Sampler(params, prompt, 1).Sample(std::vector<float>{-1, -1.5F}, {}), 1);
  params = Greedy(1);
  params.logit_bias = {{1, 5.0F}};
  EXPECT_EQ(Sampler(params, {}, 1).Sample(std::vector<float>{2, 1}, {}), 1);
  params = Greedy(1);
  params.allowed_token_ids = {2};
  EXPECT_EQ(Sampler(params, {}, 1).Sample(std::vector<float>{2, 1, 0}, {}), 2);
}

TEST(Sampler, LogprobsAreNormalised) {
  const std::vector<float> logits = {0, std::log(2.0F), std::log(5.0F)};
  const TokenLogprobs result = ComputeLogprobs(logits, 1, 5);
  EXPECT_NEAR(result.chosen.logprob, std::log(2.0 / 8), 1e-6);
  EXPECT_EQ(result.chosen.rank, 2);
  ASSERT_EQ(result.top.size(), 3U);
  EXPECT_EQ(result.top[0].token, 2);
  EXPECT_NEAR(result.top[0].logprob, std::log(5.0 / 8), 1e-6);
}

/// Letters, and an emoji and an "é" in byte pieces.
std::unique_ptr<Tokenizer> Letters() {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  static const std::vector<std::string> tokens = {"a", "b", "c", "d", "ab", "Ã", "©", "ð", "Ł", "Ļ", "Ģ", "<|end|>"};
  vocabulary.tokens.assign(tokens.begin(), tokens.end());
  static const std::vector<std::int32_t> types = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3};
  vocabulary.token_types = types;
  auto made = MakeGgufTokenizer(vocabulary);
  EXPECT_TRUE(made) << made.error().ToString();
  return std::move(*made);
}

struct StreamCase {
  std::vector<TokenId> tokens;
  std::vector<std::string> stop;
  bool include_stop;
  std::vector<std::string> pieces;  ///< Push of each token, then Finish
};

class TextStreams : public testing::TestWithParam<StreamCase> {};
TEST_P(TextStreams, ReleaseWhatIsCertain) {
  const auto tokenizer = Letters();
  TextStream stream(*tokenizer, {.stop = GetParam().stop, .include_stop = GetParam().include_stop});
  std::vector<std::string> pieces;
  for (const TokenId token : GetParam().tokens) pieces.push_back(stream.Push(token));
  pieces.push_back(stream.Finish());
  EXPECT_EQ(pieces, GetParam().pieces);
}
INSTANTIATE_TEST_SUITE_P(Cases, TextStreams,
                         testing::Values(StreamCase{{0, 1, 2}, {}, false, {"a", "b", "c", ""}},
                                         StreamCase{{5, 6}, {}, false, {"", "é", ""}},
                                         StreamCase{{7, 8, 9, 10}, {}, false, {"", "", "", "\xF0\x9F\x99\x80", ""}},
                                         StreamCase{{5}, {}, false, {"", "\xEF\xBF\xBD"}},
                                         StreamCase{{0, 11, 1}, {}, false, {"a", "", "b", ""}},
                                         StreamCase{{0, 1, 2, 3}, {"bc"}, false, {"a", "", "", "", ""}},
                                         StreamCase{{0, 1, 2, 3}, {"bc"}, true, {"a", "", "bc", "", ""}},
                                         StreamCase{{0, 1, 3}, {"bc"}, false, {"a", "", "bd", ""}},
                                         StreamCase{{0, 1}, {"bc"}, false, {"a", "", "b"}},
                                         StreamCase{{4, 2}, {"b"}, false, {"a", "", ""}},
                                         StreamCase{{0, 0, 1}, {"aab", "ab"}, false, {"", "", "", ""}},
                                         StreamCase{{0, 1, 2}, {""}, false, {"a", "b", "c", ""}}));

TEST(Engine, SaysWhenAFullQueueHasRoom) {
  const auto engine = MakeEngine(0, {.scheduler = {.max_sequences = 1}, .max_queued = 2, .max_draft_tokens = 0});
  std::deque<Answer> answers;
  const auto fill = [&] {  // one runs, two wait
    for (;;) {
      const auto id = engine->Submit(Request(Prompt(8, 1), Greedy(200), answers.emplace_back()));
      if (id) continue;
      EXPECT_EQ(id.error().code(), ErrorCode::kResourceExhausted);
      answers.pop_back();
      return;
    }
  };
  double shortest = 1e9, longest = 0, last = 0;
  for (int ended = 0; ended < 12; ++ended) {
    fill();
    answers.front().Wait();
    answers.pop_front();
    const double now = MonotonicSeconds();
    if (ended > 0) {
      shortest = std::min(shortest, now - last);
      longest = std::max(longest, now - last);
    }
    last = now;
  }
  fill();
  const double first = engine->SecondsUntilRoom(), second = engine->SecondsUntilRoom();
  EXPECT_GE(first, shortest / 2);
  EXPECT_LE(first, longest * 2);
  EXPECT_GT(second, first * 1.5) << "two clients are told to come for the same place";
  for (Answer& answer : answers) answer.Wait();
}

}  // namespace
}  // namespace strata
