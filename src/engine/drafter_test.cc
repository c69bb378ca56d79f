#include "engine/drafter.h"

#include <algorithm>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "engine/speculation.h"

namespace strata {
namespace {

using Tokens = std::vector<TokenId>;

Tokens Letters(std::string_view text) { return {text.begin(), text.end()}; }
std::string Text(const Tokens& tokens) { return {tokens.begin(), tokens.end()}; }

std::string ProposalFor(std::string_view text, std::int64_t most) {
  Drafter drafter;
  drafter.Observe(Letters(text), static_cast<std::int64_t>(text.size()));
  return Text(drafter.Propose(Letters(text), most).tokens);
}

TEST(Drafter, ProposesWhatFollowedTheLongestMatch) {
  EXPECT_EQ(ProposalFor("the cat sat; a hat was; the cat", 5), " sat;");
  EXPECT_EQ(ProposalFor("abc1 xbc2 zabc", 1), "1") << "longer before later";
  EXPECT_EQ(ProposalFor("abc1 abc2 abc", 1), "2") << "later among equals";
  EXPECT_EQ(ProposalFor("abcdefg", 5), "");
  EXPECT_EQ(ProposalFor("a", 5), "");
}

TEST(Drafter, GoesOnInAShortPeriod) { EXPECT_EQ(ProposalFor("xyabababab", 7), "abababa"); }

TEST(Drafter, ProposesNoMoreThanAsked) {
  EXPECT_EQ(ProposalFor("hello world, hello", 3), " wo");
  EXPECT_EQ(ProposalFor("hello world, hello", 0), "");
}

TEST(Drafter, ChancesFollowWhatHappened) {
  const auto chance = [](std::string_view tail) {
    const std::string prompt = "0123456789abcdefghij-";
    Drafter drafter;
    std::string text = prompt;
    for (const char c : tail) {
      text += c;
      drafter.Observe(Letters(text), static_cast<std::int64_t>(prompt.size()));
    }
    const Draft& draft = drafter.Propose(Letters(text), 4);
    EXPECT_TRUE(std::ranges::is_sorted(draft.chances, std::greater<>()));
    return draft.chances.empty() ? -1.0F : draft.chances[0];
  };
  const float unknown = chance("01");
  EXPECT_GT(unknown, 0);
  std::string wrong;
  for (int i = 0; i < 20; ++i) wrong += std::string("45") + static_cast<char>('A' + i);
  EXPECT_LT(chance(wrong + "01"), unknown / 2) << "pairs that foretold nothing";
  std::string right;
  for (int i = 0; i < 20; ++i) right += std::string("456") + static_cast<char>('A' + i);
  EXPECT_GT(chance(right + "01"), unknown);
}

/// The definition, by search through the whole text: of the 16 most recent places where the last two tokens stood, the
/// longest match, and of equals the latest.
struct Naive {
  std::int64_t source = -1, match = 0;
  Naive(const Tokens& tokens, std::int64_t longest) {
    const auto last = static_cast<std::int64_t>(tokens.size()) - 1;
    const auto at = [&](std::int64_t i) { return tokens[static_cast<std::size_t>(i)]; };
    int found = 0;
    for (std::int64_t place = last - 1; place >= 1 && found < 16; --place) {
      std::int64_t length = 0;
      while (length < longest && length <= place && at(place - length) == at(last - length)) ++length;
      if (length < 2) continue;
      ++found;
      if (length > match) source = place + 1, match = length;
    }
  }
};

class RandomTexts : public testing::TestWithParam<unsigned> {};
TEST_P(RandomTexts, MatchIsTheDefinition) {
  std::mt19937 random(GetParam());
  const auto letters = static_cast<int>(2 + GetParam() % 7 * 20);
  const std::size_t prompt = random() % 300;
  Tokens tokens;
  Drafter drafter;
  while (tokens.size() < 700) {
    if (tokens.size() > 20 && random() % 8 == 0) {  // a piece of what was
      const std::size_t from = random() % (tokens.size() - 10);
      for (std::size_t i = 0; i < 10; ++i) tokens.push_back(tokens[from + i]);
    } else {
      tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(letters)));
    }
    if (tokens.size() <= prompt) continue;
    drafter.Observe(tokens, static_cast<std::int64_t>(prompt));
    const Naive naive(tokens, 32);
    // A match that is being followed may be longer than what the last 16 places offer.
    ASSERT_GE(drafter.match_length(), naive.match) << tokens.size();
    if (drafter.match_length() == 0) continue;
    const std::int64_t source = drafter.source(), length = drafter.match_length();
    for (std::int64_t i = 1; i <= length; ++i) {
      ASSERT_EQ(tokens[static_cast<std::size_t>(source - i)], tokens[tokens.size() - static_cast<std::size_t>(i)]);
    }
    const Draft& draft = drafter.Propose(tokens, 6);
    ASSERT_EQ(draft.tokens.size(), 6U);
    Tokens longer = tokens;
    for (std::size_t i = 0; i < 6; ++i) {
      longer.push_back(longer[static_cast<std::size_t>(source) + i]);
      ASSERT_EQ(draft.tokens[i], longer.back());
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomTexts, testing::Range(0U, 21U));

std::vector<std::int64_t> Choose(const std::vector<std::vector<float>>& chances, SpeculationCost cost,
                                 std::int64_t rows = 100) {
  const std::vector<std::span<const float>> spans(chances.begin(), chances.end());
  return ChooseDrafts(spans, cost, rows);
}

TEST(ChooseDrafts, TakesWhatMakesTokensCheaper) {
  using Counts = std::vector<std::int64_t>;
  // One stream, a row costs a quarter of the step: worth a chance of more than a quarter, then ever more.
  EXPECT_EQ(Choose({{0.3F, 0.1F}}, {1, 1, 0.25}), Counts{1});
  EXPECT_EQ(Choose({{0.2F, 0.1F}}, {1, 1, 0.25}), Counts{0});
  EXPECT_EQ(Choose({{0.9F, 0.8F, 0.7F, 0.6F, 0.55F}}, {1, 1, 0.25}), Counts{5});
  EXPECT_EQ(Choose({{0.9F, 0.8F, 0.7F, 0.6F, 0.35F}}, {1, 1, 0.25}), Counts{4});
  // Many streams, where a row costs what a token costs: not even a certain one.
  EXPECT_EQ(Choose({{1.0F}, {1.0F}}, {64, 48, 0.75}), (Counts{0, 0}));
  // The likeliest first, wherever they are; rows are limited.
  EXPECT_EQ(Choose({{0.5F, 0.4F}, {}, {0.9F, 0.8F, 0.1F}}, {3, 3, 0.01}, 3), (Counts{1, 0, 2}));
  EXPECT_EQ(Choose({{0.9F}}, {1, 1, 0.1}, 0), Counts{0});
  // Rows that come by sixteen: those that fill what is begun cost nothing; beyond it, all or none are worth it.
  EXPECT_EQ(Choose({{0.2F, 0.1F}, {0.01F}}, {15, 15, 1, 15, 16}), (Counts{1, 0}));
  EXPECT_EQ(Choose({{0.2F, 0.1F}, {0.01F}}, {14, 14, 1, 14, 16}), (Counts{2, 0}));
  EXPECT_EQ(Choose({{0.2F, 0.1F}, {0.01F}}, {13, 14, 1, 13, 16}), (Counts{2, 1}));
  EXPECT_EQ(Choose({std::vector<float>(40, 0.9F)}, {16, 16, 0.8, 16, 16}), Counts{32});
  EXPECT_EQ(Choose({std::vector<float>(12, 1.0F)}, {16, 16, 0.8, 16, 16}), Counts{0});
  EXPECT_EQ(Choose({{0.9F, 0.8F}, {1.0F, 0.3F}}, {32, 16, 0.5, 32, 16}), (Counts{0, 0}));
  EXPECT_EQ(Choose({}, {1, 1, 0.1}), Counts{});
}

}  // namespace
}  // namespace strata
