// Sequences with a thinking budget: a thought ends after its tokens, and nothing else changes.
#include <regex>

#include <gtest/gtest.h>

#include "base/unicode.h"
#include "engine/test_engine.h"
#include "engine/thought_limit.h"
#include "grammar/grammar.h"
#include "grammar/test_tokenizer.h"
#include "grammar/vocabulary.h"

namespace strata {
namespace {

constexpr TokenId kEnd = 130;
constexpr std::string_view kCut = "\n</t>\n";

/// One token for each of 128 ASCII characters, two that are a character together, and the end.
std::shared_ptr<const Tokenizer> Characters() {
  std::vector<std::string> texts;
  texts.reserve(131);
  for (int c = 0; c < 128; ++c) texts.push_back(c == 0 ? "" : std::string(1, static_cast<char>(c)));
  texts.insert(texts.end(), {"\xC3", "\xA9", "<end>"});
  return std::make_shared<grammar::TestTokenizer>(std::move(texts), std::vector<TokenId>{kEnd});
}

ThinkingBudget Budget(std::int64_t tokens, bool begun, std::string_view cut = kCut) {
  ThinkingBudget budget{.tokens = tokens, .open = "<t>", .close = "</t>", .begun = begun, .cut = {}};
  budget.cut.assign(cut.begin(), cut.end());
  return budget;
}

SamplingParams Hot(std::uint64_t seed, std::int64_t tokens) {
  SamplingParams sampling = Watched(tokens);
  sampling.temperature = 1.5;
  sampling.seed = seed;
  sampling.ignore_eos = true;
  return sampling;
}

// ---- The limit itself ----------------------------------------------------------------------------------------------

/// What is due after each character of `text`: a digit of how many tokens.
std::string DueAlong(ThoughtLimit& limit, std::string_view text) {
  std::string due;
  for (const char c : text) {
    due += static_cast<char>('0' + limit.Due(nullptr).size());
    limit.Push(static_cast<unsigned char>(c));
  }
  return due + static_cast<char>('0' + limit.Due(nullptr).size());
}

TEST(ThoughtLimit, CountsTheTokensOfAllThoughts) {
  const auto tokenizer = Characters();
  ThoughtLimit limit(Budget(5, false), *tokenizer);
  // The markers' own characters are of the thought until the last of them.
  EXPECT_EQ(DueAlong(limit, "ab<t>x</t>cd<t>y"), "00000000000000006");
  EXPECT_EQ(DueAlong(limit, kCut), "6543210");
  EXPECT_EQ(DueAlong(limit, "ef<t>"), "000006");  // nothing is left for a third one
}

TEST(ThoughtLimit, BeginsWithThePrompt) {
  const auto tokenizer = Characters();
  ThoughtLimit none(Budget(0, true), *tokenizer);
  EXPECT_EQ(DueAlong(none, kCut), "6543210");
  ThoughtLimit ended(Budget(5, true), *tokenizer);
  EXPECT_EQ(DueAlong(ended, "a</t>b</t></t>"), "000000000000000");
}

TEST(ThoughtLimit, FindsMarkersThatBeginTwice) {
  const auto tokenizer = Characters();
  ThoughtLimit limit(Budget(1, false), *tokenizer);
  EXPECT_EQ(DueAlong(limit, "<<t<t>."), "00000006");
}

TEST(ThoughtLimit, FinishesACharacter) {
  const auto tokenizer = Characters();
  ThoughtLimit limit(Budget(1, true), *tokenizer);
  limit.Push(128);
  EXPECT_TRUE(limit.Due(nullptr).empty());
  limit.Push(129);
  EXPECT_EQ(limit.Due(nullptr).size(), kCut.size());
}

// ---- In the engine -------------------------------------------------------------------------------------------------

class Thinking : public WithLinears {
 protected:
  std::unique_ptr<Engine> Make(const EngineOptions& options = {}, std::uint64_t kv_bytes = 0) {
    return std::make_unique<Engine>(Runner(kv_bytes, 8, GetParam()), tokenizer_, options);
  }
  EngineRequest Ask(int seed, const SamplingParams& sampling, ThinkingBudget budget, Answer& answer,
                    const std::string& pattern = "") {
    EngineRequest request = Request(Prompt(6 + seed % 20, seed), sampling, answer);
    request.thinking = std::move(budget);
    if (pattern.empty()) return request;
    auto grammar = grammar::Grammar::Compile(vocabulary_, {grammar::PatternFormat{pattern}});
    EXPECT_TRUE(grammar) << grammar.error().ToString();
    request.grammar = *grammar;
    return request;
  }
  std::string Text(std::span<const TokenId> tokens) {
    std::string text;
    for (const TokenId token : tokens) {
      if (token != kEnd) text += tokenizer_->TokenBytes(token);
    }
    return text;
  }

  std::shared_ptr<const Tokenizer> tokenizer_ = Characters();
  std::shared_ptr<const grammar::Vocabulary> vocabulary_ =
      std::make_shared<const grammar::Vocabulary>(*tokenizer_, std::vector<TokenId>{kEnd});
};
INSTANTIATE_TEST_SUITE_P(All, Thinking, kAllLinears);

TEST_P(Thinking, EndsAfterItsTokens) {
  const auto engine = Make();
  for (int i = 0; i < 12; ++i) {
    const std::size_t budget = std::vector<std::size_t>{0, 1, 5, 17}[static_cast<std::size_t>(i % 4)];
    SamplingParams sampling = Hot(static_cast<std::uint64_t>(i), 40);
    if (i % 3 == 0) sampling.temperature = 0;
    Answer answer;
    ASSERT_TRUE(engine->Submit(Ask(i, sampling, Budget(static_cast<std::int64_t>(budget), true), answer)));
    answer.Wait();
    const std::vector<TokenId> tokens = answer.Tokens();
    ASSERT_EQ(tokens.size(), 40U);
    std::size_t end = budget;
    const auto whole = [&] {
      const std::string text = Text(std::span(tokens).first(end));
      return CompleteUtf8Prefix(text) == text.size();
    };
    while (!whole()) ++end;
    EXPECT_LE(end, budget + 1);
    EXPECT_EQ(Text(std::span(tokens).subspan(end, kCut.size())), kCut) << Text(tokens);
  }
  ExpectNoLeak(*engine);
}

constexpr const char* kThenNumber = R"(a<t>[a-z\n]*</t>\n[0-9]{3})";

TEST_P(Thinking, KeepsToItsGrammar) {
  const auto engine = Make();
  const std::regex cut(R"(a<t>[a-z\n]{4}\n</t>\n[0-9]{3})"), ended(R"(a<t>[a-z\n]{0,4}</t>\n[0-9]{3})");
  int cuts = 0;
  for (int i = 0; i < 10; ++i) {
    Answer answer;
    ASSERT_TRUE(engine->Submit(Ask(i, Hot(static_cast<std::uint64_t>(i), 60), Budget(4, false), answer, kThenNumber)));
    answer.Wait();
    const std::string text = Text(answer.Tokens());
    EXPECT_EQ(answer.reason(), FinishReason::kStop);
    cuts += std::regex_match(text, cut) ? 1 : 0;
    EXPECT_TRUE(std::regex_match(text, cut) || std::regex_match(text, ended)) << text;
  }
  EXPECT_GT(cuts, 0);
}

TEST_P(Thinking, IsNoneWhereTheGrammarHasNoPlaceForItsEnd) {
  const auto engine = Make();
  const std::string pattern = R"(\{"a": "<t>[a-z]{10}"\})";
  Answer answer;
  ASSERT_TRUE(engine->Submit(Ask(1, Hot(1, 60), Budget(2, false), answer, pattern)));
  answer.Wait();
  EXPECT_EQ(answer.reason(), FinishReason::kStop);
  EXPECT_TRUE(std::regex_match(Text(answer.Tokens()), std::regex(pattern))) << Text(answer.Tokens());
}

TEST_P(Thinking, EqualsEachAlonePlainly) {
  const auto plain = Make(kPlain);
  const auto crowded = Make({}, 1 << 16);  // a small pool: some are preempted
  std::vector<Answer> together(16);
  const auto ask = [&](std::size_t i, Answer& answer) {
    const SamplingParams sampling = i % 2 == 0 ? Watched(40) : Hot(i, 40);
    const bool constrained = i % 4 >= 2;
    return Ask(static_cast<int>(i), sampling, Budget(static_cast<std::int64_t>(i), !constrained), answer,
               constrained ? kThenNumber : "");
  };
  ExpectEachAsAlone(*crowded, *plain, together, ask);
  EXPECT_GT(crowded->stats().preemptions, 0);
}

TEST_P(Thinking, IsCutOffInFewSteps) {
  const std::string cut = "\nThere is no more time to think about it, so this is the answer.\n</t>\n";
  std::int64_t steps[2] = {};
  for (const bool drafts : {false, true}) {
    const auto engine = Make(drafts ? EngineOptions{} : kPlain);
    // What steps cost is not known yet, so few rows are tried: several answers in turn.
    for (int i = 0; i < 4; ++i) {
      Answer answer;
      const auto length = static_cast<std::int64_t>(cut.size());
      ASSERT_TRUE(engine->Submit(Ask(i, Greedy(length + 4), Budget(2, true, cut), answer)));
      answer.Wait();
      EXPECT_TRUE(Text(answer.Tokens()).contains(cut)) << Text(answer.Tokens());
    }
    steps[drafts ? 1 : 0] = engine->stats().steps;
  }
  EXPECT_LT(steps[1], steps[0]);
}

TEST_P(Thinking, RefusesWhatCannotEndAThought) {
  const auto engine = Make();
  Answer answer;
  for (const ThinkingBudget& budget : {Budget(1, true, "no end"), Budget(-1, true), ThinkingBudget{.cut = {'a'}}}) {
    const auto refused = engine->Submit(Ask(1, Greedy(5), budget, answer));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(refused.error().param(), "thinking");
  }
}

}  // namespace
}  // namespace strata
