#include "knowledge/evaluate/questions.h"

#include <map>

#include <gtest/gtest.h>

#include "knowledge/search/test_base.h"

namespace strata::knowledge {
namespace {

/// Writes what it is told to of the passage that has a word.
class PassageWriter final : public Writer {
 public:
  Result<std::string> Write(std::span<const Message> messages, const Options& options) override {
    EXPECT_FALSE(options.json_schema.empty());
    for (const auto& [word, text] : says) {
      if (messages.back().content.contains(word)) return text;
    }
    return std::string("{\"question\": \"what is");  // it did not come to an end
  }
  std::int64_t CountTokens(std::string_view text) const override { return static_cast<std::int64_t>(text.size() / 4); }
  std::int64_t max_context() const override { return 4096; }

  std::map<std::string, std::string> says;
};

class QuestionsTest : public testing::Test {
 protected:
  void Put(const std::string& uri, std::string text) {
    text.append(std::max<std::size_t>(100, text.size()) - text.size(), '.');  // long enough to be asked of
    DocumentRecord record;
    record.uri = uri;
    base_.Put(record, text);
  }
  GeneratedQuestions Generate(const QuestionOptions& options = {}) {
    const Searcher searcher(base_.sources(), {.writer = &writer_});
    auto made = GenerateQuestions(searcher, options);
    EXPECT_TRUE(made) << made.error().ToString();
    return std::move(*made);
  }
  TestBase base_;
  PassageWriter writer_;
};

TEST_F(QuestionsTest, KeepTheirChunkAsRelevant) {
  Put("a", "The heron waits for fish in shallow water.");
  Put("b", "The heron waits for fish in shallow water.");  // says the same
  Put("c", "Rent is due at the beginning of the month, whatever the weather.");
  writer_.says = {{"heron", R"({"question": "What does a heron look for?", "answer": "fish"})"},
                  {"Rent", R"({"question": "When must rent be paid?", "answer": "the beginning of the month"})"}};
  const GeneratedQuestions made = Generate();
  ASSERT_EQ(made.questions.size(), 2U);
  EXPECT_EQ(made.tried, 3U);
  EXPECT_EQ(made.repeated, 1U);
  for (const GoldenQuestion& golden : made.questions) {
    ASSERT_EQ(golden.answers.size(), 1U);
    if (golden.question.starts_with("When")) {
      EXPECT_EQ(golden.relevant, (Judgements{{"c", 1}}));
    } else {
      EXPECT_EQ(golden.relevant, (Judgements{{"a", 1}, {"b", 1}}));
    }
    for (const auto& [uri, grade] : golden.relevant) EXPECT_EQ(golden.spans.at(uri).front().begin, 0U);
  }
  const auto again = ParseGoldenSet(FormatGoldenSet(made.questions), "made");
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->size(), 2U);
}

TEST_F(QuestionsTest, AreLeftOutWhereTheyTestNothing) {
  Put("copied", "The heron waits for fish in shallow water.");
  Put("unfounded", "Violins are made of spruce and maple.");
  Put("malformed", "Bridges carry roads.");
  Put("not found", "Taxes are paid in spring.");
  for (int i = 0; i < 3; ++i) Put(fmt::format("other {}", i), "Quantum gravity quantum gravity.");
  writer_.says = {{"heron", R"({"question": "The heron waits for fish in shallow water?", "answer": "fish"})"},
                  {"Violins", R"({"question": "What are violins made of?", "answer": "ebony"})"},
                  {"Taxes", R"({"question": "Quantum gravity when?", "answer": "spring"})"}};
  const GeneratedQuestions made = Generate({.k = 2});
  EXPECT_TRUE(made.questions.empty());
  EXPECT_EQ(made.copied, 1U);
  EXPECT_EQ(made.unfounded, 1U);
  EXPECT_EQ(made.malformed, 4U);
  EXPECT_EQ(made.not_found, 1U);
}

TEST_F(QuestionsTest, AreAsManyAsAreWantedAndTheSameForASeed) {
  for (int i = 0; i < 30; ++i) {
    const std::string name = fmt::format("bird{}", static_cast<char>('a' + i));
    Put(name, fmt::format("The {} lives beside water and eats fish.", name));
    writer_.says[name + " lives"] =
        fmt::format(R"({{"question": "Where is the home of {}?", "answer": "beside water"}})", name);
  }
  const auto first = Generate({.count = 5}), again = Generate({.count = 5}), other = Generate({.count = 5, .seed = 2});
  EXPECT_EQ(first.questions.size(), 5U);
  EXPECT_EQ(FormatGoldenSet(first.questions), FormatGoldenSet(again.questions));
  EXPECT_NE(FormatGoldenSet(first.questions), FormatGoldenSet(other.questions));
  std::size_t told = 0;
  const auto stopped = Generate({.count = 5, .on_tried = [&](std::size_t tried, std::size_t) {
                                   told = tried;
                                   return tried < 2;
                                 }});
  EXPECT_EQ(stopped.tried, 2U);
  EXPECT_EQ(told, 2U);
}

TEST_F(QuestionsTest, NeedAWriterAndText) {
  Put("a", "The heron waits for fish.");
  EXPECT_EQ(GenerateQuestions(Searcher(base_.sources()), {}).error().code(), ErrorCode::kUnsupported);
  TestBase empty;
  EXPECT_EQ(GenerateQuestions(Searcher(empty.sources(), {.writer = &writer_}), {}).error().code(),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace strata::knowledge
