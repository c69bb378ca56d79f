// What the engine does not compute again, and what it computes ahead: the prefix cache and speculation. Neither may
// change a token.
#include <random>

#include <gtest/gtest.h>

#include "engine/draft_model.h"
#include "engine/test_engine.h"

namespace strata {
namespace {

std::vector<TokenId> Join(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class SharedPrefix : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, SharedPrefix, kAllLinears);
class Chat : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, Chat, kAllLinears);
class Speculation : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, Speculation, kAllLinears);
class BatchInvariance : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, BatchInvariance, kAllLinears);

TEST_P(SharedPrefix, IsComputedOnceForWhatArrivesTogether) {
  const auto engine = MakeEngine(0, {}, GetParam());
  const std::vector<TokenId> prefix = Prompt(96, 5);
  std::vector<Answer> answers(32);
  std::int64_t tails = 0;
  for (int i = 0; i < 32; ++i) {
    const std::vector<TokenId> tail = Prompt(3 + i % 9, 40 + i);
    tails += static_cast<std::int64_t>(tail.size());
    ASSERT_TRUE(engine->Submit(Request(Join(prefix, tail), Greedy(4), answers[static_cast<std::size_t>(i)])));
  }
  std::int64_t cached = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    answers[i].Wait();
    cached += answers[i].events.back().cached_tokens;
    const auto plain = MakeEngine(0, kPlain, GetParam());
    EXPECT_EQ(answers[i].Tokens(),
              Ask(*plain, Join(prefix, Prompt(3 + static_cast<int>(i) % 9, 40 + static_cast<int>(i))), Greedy(4)))
        << "stream " << i;
  }
  EXPECT_EQ(cached, 31 * 96);
  EXPECT_EQ(engine->stats().prompt_tokens, 96 + tails);
  EXPECT_EQ(engine->stats().prefix_hits, 31 * 96);
  EXPECT_EQ(engine->stats().prefix_queries, 32 * 96 + tails);
  ExpectNoLeak(*engine);
}

// The budget of a step leaves the prompt's last token alone: nothing may be drafted behind it, which the linears of
// prompts would compute.
TEST_P(Speculation, BeginsBehindThePrompt) {
  const auto plain = MakeEngine(0, kPlain, GetParam());
  for (int seed = 0; seed < 8; ++seed) {
    // Goes on as it has gone so far: drafts would be right, and what they had computed would stay.
    std::vector<TokenId> prompt = Prompt(7, seed);
    prompt = Join(prompt, Ask(*plain, prompt, Greedy(26)));
    // A new engine, which has not yet measured that rows of a tiny model cost as much as its steps.
    const auto engine = MakeEngine(0, {}, GetParam());
    Answer got, want;
    ASSERT_TRUE(engine->Submit(Request(prompt, Watched(12), got)));
    ASSERT_TRUE(plain->Submit(Request(prompt, Watched(12), want)));
    got.Wait();
    want.Wait();
    ExpectSame(got, want, "prompt " + std::to_string(seed));
  }
}

// An answer's KV is that of its own computation, also when it has become a turn's prompt: with linears for prompts a
// turn's bits are those of the conversation, whoever else is served, and not those of the same prompt computed anew.
TEST_P(Chat, ATurnComputesItsNewTokensOnly) {
  const auto engine = MakeEngine(0, {}, GetParam());
  const auto busy = MakeEngine(0, {}, GetParam());
  const auto plain = MakeEngine(0, kPlain, GetParam());
  std::vector<TokenId> chat = Prompt(20, 1);
  std::int64_t computed = 0;
  for (int turn = 0; turn < 6; ++turn) {
    const std::int64_t before = engine->stats().prompt_tokens;
    Answer answer, beside, other;
    ASSERT_TRUE(engine->Submit(Request(chat, Watched(10), answer)));
    answer.Wait();
    ASSERT_TRUE(busy->Submit(Request(Prompt(30 + turn, 80 + turn), Greedy(20), other)));
    ASSERT_TRUE(busy->Submit(Request(chat, Watched(10), beside)));
    beside.Wait();
    other.Wait();
    ExpectSame(beside, answer, "turn " + std::to_string(turn));
    if (GetParam() == Linears::kFloat) {
      Answer anew;
      ASSERT_TRUE(plain->Submit(Request(chat, Watched(10), anew)));
      anew.Wait();
      ExpectSame(answer, anew, "turn " + std::to_string(turn));
    }
    // Of the last turn's prompt and answer, at most a broken block and the last token are missing.
    const auto length = static_cast<std::int64_t>(chat.size());
    EXPECT_EQ(answer.events.back().cached_tokens + engine->stats().prompt_tokens - before, length);
    EXPECT_GE(answer.events.back().cached_tokens, computed - kernels::kKvBlock);
    computed = length + 9;  // the last token of the answer was never computed
    chat = Join(Join(chat, answer.Tokens()), Prompt(7, 60 + turn));
  }
}

TEST(PrefixReuse, SaltsAndTenantsShareNothing) {
  const auto engine = MakeEngine();
  const auto cached = [&](const std::string& salt, std::int32_t tenant) {
    Answer answer;
    EngineRequest request = Request(Prompt(50, 3), Greedy(2), answer);
    request.cache_salt = salt;
    request.tenant = tenant;
    EXPECT_TRUE(engine->Submit(std::move(request)));
    answer.Wait();
    return answer.events.back().cached_tokens;
  };
  EXPECT_EQ(cached("", 0), 0);
  EXPECT_EQ(cached("", 0), 48);
  EXPECT_EQ(cached("mine", 0), 0);
  EXPECT_EQ(cached("", 1), 0);
  EXPECT_EQ(cached("mine", 0), 48);
  EXPECT_EQ(cached("", 1), 48);
}

TEST(PrefixReuse, PromptLogprobsComputeTheWholePrompt) {
  const auto engine = MakeEngine();
  SamplingParams sampling = Greedy(2);
  sampling.prompt_logprobs = 1;
  for (int round = 0; round < 2; ++round) {
    Answer answer;
    ASSERT_TRUE(engine->Submit(Request(Prompt(50, 3), sampling, answer)));
    answer.Wait();
    std::size_t logprobs = 0;
    for (const EngineEvent& event : answer.events) logprobs += event.prompt_logprobs.size();
    EXPECT_EQ(logprobs, 49U);
    EXPECT_EQ(answer.events.back().cached_tokens, 0);
  }
}

TEST(PrefixReuse, AnsweredPrefixesGiveWayWhenThePoolIsFull) {
  const auto block = static_cast<std::uint64_t>(kernels::KvLayer::BlockBytes(2, 16, DType::kF32)) * 2;
  const auto engine = MakeEngine(12 * block);
  const auto plain = MakeEngine(0, kPlain);
  for (int i = 0; i < 40; ++i) {
    const std::vector<TokenId> prompt = Prompt(40 + i % 50, i % 13);
    EXPECT_EQ(Ask(*engine, prompt, Greedy(8)), Ask(*plain, prompt, Greedy(8))) << i;
  }
  ExpectNoLeak(*engine);
}

SamplingParams RandomSampling(std::mt19937& random) {
  const auto chance = [&](double p) { return std::bernoulli_distribution(p)(random); };
  SamplingParams sampling;
  sampling.temperature = chance(0.5) ? 0 : 0.3 + 0.1 * static_cast<double>(random() % 10);
  sampling.seed = random();
  sampling.max_tokens = 1 + static_cast<std::int64_t>(random() % 70);
  if (chance(0.3)) sampling.top_k = 1 + static_cast<std::int64_t>(random() % 20);
  if (chance(0.3)) sampling.top_p = 0.5;
  if (chance(0.2)) sampling.repetition_penalty = 1.2;
  if (chance(0.2)) sampling.presence_penalty = 0.5;
  if (chance(0.3)) sampling.min_tokens = std::min<std::int64_t>(sampling.max_tokens, 5);
  if (chance(0.3)) sampling.logprobs = 2;
  if (chance(0.3))
    sampling.stop_token_ids = {static_cast<TokenId>(random() % 131), static_cast<TokenId>(random() % 131)};
  return sampling;
}

/// Text that repeats, so that something is drafted.
std::vector<TokenId> Repeating(std::mt19937& random) {
  const std::vector<TokenId> part = Prompt(3 + static_cast<int>(random() % 20), static_cast<int>(random() % 4));
  std::vector<TokenId> prompt;
  for (unsigned i = 0; i < 1 + random() % 4; ++i) prompt = Join(prompt, part);
  return prompt;
}

TEST_P(Speculation, NeverChangesAnAnswer) {
  const auto plain = MakeEngine(0, kPlain, GetParam());
  std::unique_ptr<Engine> engine;
  std::int64_t drafted = 0, accepted = 0;
  std::mt19937 random(7);
  for (int i = 0; i < 120; ++i) {
    // A new engine drafts before it has measured that rows of a tiny model cost as much as its steps.
    if (i % 6 == 0) engine = MakeEngine(0, {.prefix_cache = SharesExactly(GetParam())}, GetParam());
    const std::vector<TokenId> prompt = Repeating(random);
    const SamplingParams sampling = RandomSampling(random);
    Answer got, want;
    ASSERT_TRUE(engine->Submit(Request(prompt, sampling, got)));
    ASSERT_TRUE(plain->Submit(Request(prompt, sampling, want)));
    got.Wait();
    want.Wait();
    ExpectSame(got, want, "request " + std::to_string(i));
    if (i % 6 != 5) continue;
    drafted += engine->stats().draft_tokens;
    accepted += engine->stats().accepted_tokens;
    ExpectNoLeak(*engine);
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(drafted, accepted) << "no draft was ever wrong";
  EXPECT_EQ(plain->stats().draft_tokens, 0);
}

// With everything on and a pool that cannot hold them: chunked prefill, preemption, shared prefixes, drafts.
TEST_P(BatchInvariance, SixtyFourMixedRequestsGiveWhatEachGivesAlone) {
  const auto block = static_cast<std::uint64_t>(kernels::KvLayer::BlockBytes(2, 16, DType::kF32)) * 2;
  const bool shares = SharesExactly(GetParam());
  const auto engine = MakeEngine(40 * block, {.prefix_cache = shares}, GetParam());
  const auto plain = MakeEngine(0, kPlain, GetParam());
  std::mt19937 random(11);
  std::vector<Answer> got(64), want(64);
  std::vector<std::pair<std::vector<TokenId>, SamplingParams>> requests;
  for (int i = 0; i < 64; ++i) {
    const std::vector<TokenId> shared = i % 2 == 0 ? Prompt(33, i % 6) : std::vector<TokenId>();
    requests.emplace_back(Join(shared, Repeating(random)), RandomSampling(random));
  }
  for (std::size_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(engine->Submit(Request(requests[i].first, requests[i].second, got[i])));
  }
  for (std::size_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(plain->Submit(Request(requests[i].first, requests[i].second, want[i])));
    want[i].Wait();
    got[i].Wait();
    ExpectSame(got[i], want[i], "request " + std::to_string(i));
  }
  EXPECT_EQ(engine->stats().prefix_hits > 0, shares);
  EXPECT_GT(engine->stats().accepted_tokens, 0);
  ExpectNoLeak(*engine);
}

// ---- Draft models --------------------------------------------------------------------------------------------------

std::unique_ptr<Engine> WithDraftModel(unsigned seed, Linears linears, std::uint64_t kv_bytes = 0,
                                       EngineOptions options = {}) {
  RunnerOptions small{
      .threads = 2, .kv_dtype = DType::kF32, .kv_bytes = 1 << 16, .max_sequences = 4, .max_step_tokens = 24};
  auto draft = ModelRunner::Load(std::make_shared<TinyModel>(TinyModel::Options{.seed = seed}), small);
  EXPECT_TRUE(draft) << draft.error().ToString();
  return std::make_unique<Engine>(Runner(kv_bytes, 8, linears), nullptr, std::move(options), nullptr,
                                  std::move(*draft));
}

class DraftModels : public WithLinears {};
INSTANTIATE_TEST_SUITE_P(All, DraftModels, kAllLinears);

TEST_P(DraftModels, TheSameModelIsRight) {
  const auto plain = MakeEngine(0, kPlain, GetParam());
  for (int i = 0; i < 4; ++i) {
    // A new engine proposes before it has measured whether that pays, which it does not with a model as large.
    const auto engine = WithDraftModel(42, GetParam());
    const auto answer = Ask(*engine, Prompt(30, i), Greedy(40));
    EXPECT_EQ(answer, Ask(*plain, Prompt(30, i), Greedy(40)));
    const EngineStats stats = engine->stats();
    EXPECT_GT(stats.draft_tokens, 0);
    if (GetParam() == Linears::kFloat) {  // of the others the model has quantised weights, the draft model has not
      EXPECT_GT(stats.accepted_tokens, 0);
      EXPECT_LT(stats.steps, std::ssize(answer));
    }
    ExpectNoLeak(*engine);
  }
}

TEST_P(DraftModels, NoneChangesAToken) {
  const auto plain = MakeEngine(0, kPlain, GetParam());
  for (const unsigned seed : {42U, 7U}) {
    const auto crowded = WithDraftModel(seed, GetParam(), 1 << 16);  // both KV pools are too small for all
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

TEST(DraftModel, GoesAsDeepAsPays) {
  RunnerOptions options{.threads = 1, .kv_dtype = DType::kF32, .kv_bytes = 1 << 16, .max_sequences = 1};
  auto runner = ModelRunner::Load(std::make_shared<TinyModel>(TinyModel::Options{}), options);
  ASSERT_TRUE(runner);
  DraftModel model(std::move(*runner));
  StepWork work;
  work.AddDecode(100, 1);
  StepCost cost;
  EXPECT_EQ(model.ChooseDepth(cost, work, 48), 2) << "nothing is known yet";
  cost.known = true;
  cost.seconds[0] = 1;  // a step costs the same whatever its rows; the draft model has no cost yet
  for (int i = 0; i < 100; ++i) model.Count(4, 4);
  EXPECT_EQ(model.ChooseDepth(cost, work, 48), 8);
  EXPECT_EQ(model.ChooseDepth(cost, work, 3), 3);
  for (int i = 0; i < 300; ++i) model.Count(0, 1);
  cost.seconds[1] = 10;  // rows cost more than they bring
  int tried = 0;
  for (int i = 0; i < 640; ++i) tried += model.ChooseDepth(cost, work, 48) == 1 ? 1 : 0;
  EXPECT_EQ(tried, 10);
  for (int i = 0; i < 2000; ++i) model.Count(0, 1);
  cost.seconds[1] = 0.01;
  EXPECT_EQ(model.ChooseDepth(cost, work, 48), 0) << "it is never right";
}

}  // namespace
}  // namespace strata
