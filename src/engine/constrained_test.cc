// Sequences with a grammar: what they say is a text of it, whoever runs beside them.
#include <regex>

#include <gtest/gtest.h>

#include "engine/forced_text.h"
#include "engine/test_engine.h"
#include "grammar/grammar.h"
#include "grammar/test_tokenizer.h"
#include "grammar/vocabulary.h"

namespace strata {
namespace {

constexpr TokenId kEnd = 130;

/// One token for each of 128 ASCII characters, two longer ones, and the end.
std::shared_ptr<const Tokenizer> Characters() {
  std::vector<std::string> texts;
  texts.reserve(131);
  for (int c = 0; c < 128; ++c) texts.push_back(c == 0 ? "" : std::string(1, static_cast<char>(c)));
  texts.insert(texts.end(), {"\"name\"", "abc", "<end>"});
  return std::make_shared<grammar::TestTokenizer>(std::move(texts), std::vector<TokenId>{kEnd});
}

SamplingParams Hot(std::uint64_t seed, std::int64_t tokens) {
  SamplingParams sampling = Watched(tokens);
  sampling.temperature = 1.5;
  sampling.top_p = 0.9;
  sampling.seed = seed;
  return sampling;
}

class Constrained : public WithLinears {
 protected:
  std::unique_ptr<Engine> Make(const EngineOptions& options = {}, std::uint64_t kv_bytes = 0) {
    return std::make_unique<Engine>(Runner(kv_bytes, 8, GetParam()), tokenizer_, options);
  }
  std::shared_ptr<grammar::Grammar> Compile(const std::string& pattern) {
    auto grammar = grammar::Grammar::Compile(vocabulary_, {grammar::PatternFormat{pattern}});
    EXPECT_TRUE(grammar) << grammar.error().ToString();
    return *grammar;
  }
  EngineRequest Ask(int seed, const std::string& pattern, const SamplingParams& sampling, Answer& answer) {
    EngineRequest request = Request(Prompt(6 + seed % 20, seed), sampling, answer);
    request.grammar = Compile(pattern);
    return request;
  }
  std::string Text(const Answer& answer) {
    std::string text;
    for (const TokenId token : answer.Tokens()) {
      if (token != kEnd) text += tokenizer_->TokenBytes(token);
    }
    return text;
  }

  std::shared_ptr<const Tokenizer> tokenizer_ = Characters();
  std::shared_ptr<const grammar::Vocabulary> vocabulary_ =
      std::make_shared<const grammar::Vocabulary>(*tokenizer_, std::vector<TokenId>{kEnd});
};
INSTANTIATE_TEST_SUITE_P(All, Constrained, kAllLinears);

const std::vector<std::string> kPatterns = {"[a-z]{3,6}", R"(\{"name": "[a-z ]{0,9}", "id": -?[1-9][0-9]{0,5}\})",
                                            "(abc|abd)+x", "yes|no|perhaps"};

TEST_P(Constrained, AnswersAreTextsOfTheGrammar) {
  const auto engine = Make();
  std::vector<Answer> answers(40);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    SamplingParams sampling = Greedy(60);
    if (i % 2 == 1) sampling = Hot(i, 60);
    sampling.ignore_eos = i % 3 == 0;
    ASSERT_TRUE(engine->Submit(Ask(static_cast<int>(i), kPatterns[i % 4], sampling, answers[i])));
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    answers[i].Wait();
    const std::string text = Text(answers[i]);
    EXPECT_TRUE(std::regex_match(text, std::regex(kPatterns[i % 4]))) << text;
    // (abc|abd)+ may go on for ever.
    if (i % 4 != 2) EXPECT_EQ(answers[i].reason(), FinishReason::kStop) << text;
  }
  ExpectNoLeak(*engine);
}

TEST_P(Constrained, EqualEachAlonePlainly) {
  const auto plain = Make(kPlain);
  const auto crowded = Make({.masks_ahead = true}, 1 << 16);  // a small pool: some are preempted
  std::vector<Answer> together(16);
  ExpectEachAsAlone(*crowded, *plain, together, [&](std::size_t i, Answer& answer) {
    const auto seed = static_cast<int>(i);
    const SamplingParams sampling = i % 2 == 0 ? Watched(40) : Hot(i, 40);
    if (i % 4 == 3) return Request(Prompt(6 + seed % 20, seed), sampling, answer);
    return Ask(seed, kPatterns[i % 4], sampling, answer);
  });
}

TEST_P(Constrained, IsCompleteHoweverFewTokensItHas) {
  const std::string pattern = R"(\{"name": "[a-z ]{0,40}", ("on": (true|false), )?"id": -?[1-9][0-9]{0,20}\})";
  constexpr std::int64_t kFewest = 16;  // hold {"name": "", "id": 1}
  const auto plain = Make(kPlain), crowded = Make({}, 1 << 16);
  std::vector<Answer> together(40);
  const auto ask = [&](std::size_t i, Answer& answer) {
    return Ask(static_cast<int>(i), pattern, Hot(i, kFewest + static_cast<std::int64_t>(i)), answer);
  };
  ExpectEachAsAlone(*crowded, *plain, together, ask);
  int completed = 0;
  for (std::size_t i = 0; i < together.size(); ++i) {
    const Answer& answer = together[i];
    EXPECT_TRUE(std::regex_match(Text(answer), std::regex(pattern))) << i << ": " << Text(answer);
    EXPECT_LE(answer.Tokens().size(), kFewest + i);
    completed += answer.reason() == FinishReason::kLength ? 1 : 0;
  }
  EXPECT_GT(completed, 10);
  ExpectNoLeak(*crowded);
}

TEST_P(Constrained, ForcedTextCostsFewerSteps) {
  const std::string pattern = "the only thing that may be said here is this, word by word, to the end";
  std::int64_t steps[2] = {};
  for (const bool drafts : {false, true}) {
    const auto engine = Make(drafts ? EngineOptions{} : kPlain);
    // What steps cost is not known yet, so few rows are tried: several answers in turn.
    for (int i = 0; i < 4; ++i) {
      Answer answer;
      ASSERT_TRUE(engine->Submit(Ask(i, pattern, Greedy(200), answer)));
      answer.Wait();
      EXPECT_EQ(Text(answer), pattern);
    }
    steps[drafts ? 1 : 0] = engine->stats().steps;
  }
  EXPECT_LT(steps[1], steps[0]);
}

/// A name that the model spells letter by letter is no longer proposed in the tokenizer's pieces.
TEST_P(Constrained, ForcedTextIsProposedAsFarAsItComes) {
  const std::vector<TokenId> pieces = {129, 'z', 'x'}, letters = {'a', 'b', 'c', 'z', 'x'};
  for (const auto* cycle : {&pieces, &letters}) {
    grammar::Matcher matcher(Compile("(abcz[xy]){99}"));
    ForcedText forced;
    std::vector<TokenId> tokens = {'p'};
    for (int i = 0; i < 12; ++i) {
      for (const TokenId token : *cycle) {
        forced.Propose(matcher, *tokenizer_, tokens, 9);
        ASSERT_TRUE(matcher.Accept(token));
        tokens.push_back(token);
      }
    }
    const Draft& draft = forced.Propose(matcher, *tokenizer_, tokens, 9);
    EXPECT_EQ(draft.tokens, (std::vector<TokenId>{129, 'z'}));
    ASSERT_EQ(draft.chances.size(), 2U);
    EXPECT_EQ(draft.chances.front() > 0.9F, cycle == &pieces) << draft.chances.front();
    EXPECT_LE(draft.chances.back(), draft.chances.front());
    EXPECT_EQ(forced.Propose(matcher, *tokenizer_, tokens, 1).tokens.size(), 1U);
  }
}

TEST_P(Constrained, NothingLeftToSayIsAnError) {
  const auto engine = Make();
  Answer answer, other;
  SamplingParams sampling = Greedy(20);
  sampling.allowed_token_ids = {'x', 'y'};
  ASSERT_TRUE(engine->Submit(Ask(1, "[a-c]+", sampling, answer)));
  ASSERT_TRUE(engine->Submit(Ask(2, "yes", Greedy(20), other)));
  answer.Wait();
  other.Wait();
  EXPECT_EQ(answer.reason(), FinishReason::kError);
  EXPECT_EQ(answer.events.back().error->code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Text(other), "yes");
  ExpectNoLeak(*engine);
}

TEST_P(Constrained, TheGrammarEndsBeforeMinTokens) {
  const auto engine = Make();
  Answer answer;
  SamplingParams sampling = Greedy(20);
  sampling.min_tokens = 10;
  sampling.stop_token_ids = {kEnd};
  ASSERT_TRUE(engine->Submit(Ask(1, "yes", sampling, answer)));
  answer.Wait();
  EXPECT_EQ(Text(answer), "yes");
  EXPECT_EQ(answer.reason(), FinishReason::kStop);
}

}  // namespace
}  // namespace strata
