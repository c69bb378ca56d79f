// Which tools a prompt carries: words, rules, and recall on questions of BFCL.
#include "serve/tool_selection.h"

#include <fstream>
#include <string>
#include <unordered_set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/test_model.h"
#include "serve/tools/signature.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SplitWords, SplitsIdentifiersAndProse) {
  EXPECT_THAT(SplitWords("getUserIDs2"), ElementsAre("get", "user", "id", "2"));
  EXPECT_THAT(SplitWords("HTTPServer_find-all.files"), ElementsAre("http", "server", "find", "all", "file"));
  EXPECT_THAT(SplitWords("Cities' buses, glass; status"), ElementsAre("city", "buse", "glass", "status"));
  EXPECT_THAT(SplitWords("Größe über"), ElementsAre("größe", "über"));
  EXPECT_THAT(SplitWords("查天气ok"), ElementsAre("查", "查天", "天气", "ok"));
  EXPECT_THAT(SplitWords(" ,;"), IsEmpty());
}

TEST(WordIndex, RareWordsInShortTextsCountMost) {
  WordIndex index;
  for (const char* text : {"the weather of a city", "the weather of a city and a very long history of the town",
                           "the price of a stock", "the price of a house"}) {
    const WordIndex::Part part{.text = text};
    index.Add({&part, 1});
  }
  index.Finish();
  const auto score = [&](const char* question) {
    const WordIndex::Part part{.text = question};
    return index.Score({&part, 1});
  };
  const std::vector<double> weather = score("What is the weather like?");
  EXPECT_GT(weather[0], weather[1]);
  EXPECT_GT(weather[1], 0);
  EXPECT_EQ(weather[2], 0);
  const std::vector<double> stock = score("price of stocks");
  EXPECT_GT(stock[2], stock[3]);
  EXPECT_GT(stock[3], 0);
  EXPECT_THAT(RankTools({0, 2, 2, 1}), ElementsAre(1, 2, 3, 0));
}

Json Tool(const std::string& name, const std::string& description) {
  return {{"type", "function"},
          {"function", {{"name", name}, {"description", description}, {"parameters", {{"type", "object"}}}}}};
}

const Json kTools =
    Json::array({Tool("send_mail", "Sends a letter to a person"), Tool("get_weather", "Weather of a city"),
                 Tool("stock_price", "The price of a share"), Tool("play_music", "Plays a song")});

Json Said(const std::vector<std::string>& turns) {
  Json messages = Json::array();
  for (const std::string& turn : turns) messages.push_back({{"role", "user"}, {"content", turn}});
  return messages;
}

class Selection : public testing::Test {
 protected:
  ToolSelection Select(const SelectionRules& rules, const Json& messages) {
    return SelectTools(rules, kTools, messages, tokens_);
  }
  std::int64_t CostOf(std::size_t tool) { return tokens_.Of(kTools[tool]); }

  const std::unique_ptr<Tokenizer> tokenizer_ = TestTokenizer();
  ToolTokens tokens_{*tokenizer_};
};

TEST_F(Selection, CarriesAllThatFit) {
  const std::int64_t all = CostOf(0) + CostOf(1) + CostOf(2) + CostOf(3);
  const ToolSelection selection = Select({.max_tokens = all}, Said({"weather?"}));
  EXPECT_THAT(selection.carried, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(selection.left_out, IsEmpty());
  EXPECT_EQ(selection.tokens, all);
}

TEST_F(Selection, CarriesWhatTheConversationSpeaksOf) {
  const ToolSelection one = Select({.max_tokens = CostOf(1)}, Said({"How is the weather?"}));
  EXPECT_THAT(one.carried, ElementsAre(1));
  EXPECT_EQ(one.left_out.size(), 3u);
  // The song does not fit, and the letter, which nobody spoke of, does not come in its place.
  const ToolSelection two_spoken = Select({.max_tokens = CostOf(3)}, Said({"a weather song, weather, city"}));
  EXPECT_THAT(two_spoken.carried, testing::SizeIs(1));
  // Where it fits, the first of the others fills the room.
  EXPECT_THAT(Select({.max_tokens = CostOf(0) + CostOf(1)}, Said({"weather"})).carried, ElementsAre(0, 1));
  // The request's order; the last turn counts most.
  const SelectionRules two{.max_tokens = CostOf(1) + CostOf(2)};
  EXPECT_THAT(Select(two, Said({"share price", "and the weather"})).carried, ElementsAre(1, 2));
  EXPECT_THAT(Select({.max_tokens = CostOf(1)}, Said({"share price", "and the weather"})).carried, ElementsAre(1));
}

TEST_F(Selection, CarriesWhatItMust) {
  EXPECT_THAT(Select({.max_tokens = 0, .always = {"play_music"}}, Said({"weather"})).carried, ElementsAre(3));
  Json messages = Said({"weather", "song"});
  messages.insert(messages.begin() + 1,
                  Json{{"role", "assistant"},
                       {"tool_calls", Json::array({{{"function", {{"name", "get_weather"}, {"arguments", "{}"}}}}})}});
  EXPECT_THAT(Select({.max_tokens = CostOf(1) + CostOf(3)}, messages).carried, ElementsAre(1, 3));
  EXPECT_THAT(Select({.max_tokens = 0}, messages).carried, ElementsAre(1));
}

TEST_F(Selection, DeferredToolsWaitUntilTheyAreSpokenOf) {
  const SelectionRules rules{.max_tokens = 1 << 20, .deferred = {"get_weather", "play_music"}};
  EXPECT_THAT(Select(rules, Said({"hello"})).carried, ElementsAre(0, 2));
  EXPECT_THAT(Select(rules, Said({"play a song"})).carried, ElementsAre(0, 2, 3));
}

TEST_F(Selection, TellsNamesWhereThereIsRoom) {
  const ToolSelection selection = Select({.max_tokens = CostOf(1)}, Said({"weather"}));
  EXPECT_EQ(TellOthers({.max_tokens = CostOf(1)}, selection, kTools, *tokenizer_), "");
  const std::string some = TellOthers({.max_tokens = CostOf(1) + 60}, selection, kTools, *tokenizer_);
  EXPECT_THAT(some, HasSubstr("send_mail"));
  EXPECT_THAT(some, testing::Not(HasSubstr("play_music")));
  EXPECT_THAT(TellOthers({.max_tokens = 1 << 20}, selection, kTools, *tokenizer_), testing::EndsWith("play_music."));
}

std::vector<Json> ReadLines(const std::string& file) {
  std::ifstream in(STRATA_SOURCE_DIR "/src/serve/testdata/tool_selection/" + file);
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

/// The share of the tools that questions need which is among the first k of all.
TEST(ToolSelectionRecall, HoldsOnBfcl) {
  const Json tools = ReadLines("tools.jsonl");
  const std::vector<Json> cases = ReadLines("cases.jsonl");
  ASSERT_GT(tools.size(), 300u);
  ASSERT_EQ(cases.size(), 200u);
  const WordIndex index = IndexTools(tools);
  double at8 = 0, at16 = 0, at32 = 0;
  for (const Json& one : cases) {
    const auto order = RankTools(index.Score(QuestionOf(Said({one["text"]}))));
    const auto needed = one["tools"].get<std::unordered_set<std::string>>();
    double found = 0;
    for (std::size_t place = 0; place < 32; ++place) {
      if (needed.contains(ToolNameOf(tools[order[place]]))) found += 1 / static_cast<double>(needed.size());
      if (place == 7) at8 += found;
      if (place == 15) at16 += found;
    }
    at32 += found;
  }
  // Measured: 0.970, 0.981, 0.983.
  EXPECT_GT(at8 / 200, 0.96);
  EXPECT_GT(at16 / 200, 0.97);
  EXPECT_GT(at32 / 200, 0.975);
}

TEST(Signature, SaysASchemaInShort) {
  EXPECT_EQ(
      tools::Signature(Json::parse(R"({"name":"f","description":"Does it","parameters":{"type":"object","properties":{
      "a":{"type":"string","description":"The a"},"b":{"enum":["x",1]},"c":{"type":"array","items":{"anyOf":[{"type":"integer"},
      {"type":"null"}]}},"d":{"$ref":"#/$defs/p"},"e":{"type":["number","null"]},"g":{}},"required":["a"],
      "$defs":{"p":{"type":"object","properties":{"x":{"const":1}},"required":["x"]}}}})")),
      "f(a: string, b?: \"x\" | 1, c?: (integer | null)[], d?: {x: 1}, e?: number | null, g?: any)\n  Does it\n  a: "
      "The a");
  EXPECT_EQ(tools::Signature(Json{{"name", "now"}}), "now()");
}

}  // namespace
}  // namespace strata::serve
