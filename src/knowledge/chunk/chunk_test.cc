#include "knowledge/chunk/chunk.h"

#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "knowledge/chunk/sentences.h"
#include "knowledge/chunk/test_tokenizer.h"
#include "knowledge/chunk/token_counter.h"
#include "knowledge/document/parse.h"

namespace strata::knowledge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

ParsedDocument Parse(std::string_view text, std::string_view name) {
  auto documents = ParseFile(std::as_bytes(std::span(text)), name, {});
  EXPECT_TRUE(documents.has_value()) << documents.error().ToString();
  return documents ? documents->front() : ParsedDocument{};
}

std::vector<Chunk> ChunksOf(std::string_view text, std::string_view name, const ChunkOptions& options) {
  return ChunkDocument(Parse(text, name), WordPiece(), options);
}

/// What chunk.h promises of every document.
void CheckPromises(const ParsedDocument& document, const ChunkOptions& options) {
  const std::vector<Chunk> chunks = ChunkDocument(document, WordPiece(), options);
  const std::vector<Chunk> again = ChunkDocument(document, WordPiece(), options);
  ASSERT_EQ(chunks.size(), again.size());
  std::vector<bool> covered(document.text.size(), false), searchable(document.text.size(), false);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const Chunk& chunk = chunks[i];
    EXPECT_EQ(chunk.hash, again[i].hash);
    EXPECT_EQ(chunk.tokens, TokenCounter(WordPiece()).Tokens(EmbeddedText(chunk)));
    const std::int64_t limit = chunk.searchable ? options.max_tokens : options.parent_tokens;
    EXPECT_LE(chunk.tokens, std::max<std::int64_t>(limit, 32)) << chunk.text;
    EXPECT_LE(EmbeddedText(chunk).size(), static_cast<std::size_t>(std::max<std::int64_t>(limit, 32)) * 16);
    ASSERT_LE(chunk.span.end, document.text.size());
    EXPECT_TRUE(chunk.text.ends_with(document.text.substr(chunk.span.begin, chunk.span.size())));
    EXPECT_TRUE(chunk.span.end == document.text.size() || (document.text[chunk.span.end] & 0xC0) != 0x80);
    EXPECT_EQ(chunk.searchable, options.method != ChunkMethod::kParentChild || chunk.parent.has_value());
    if (chunk.searchable) {
      EXPECT_GE(chunk.span.begin, begin);
      begin = chunk.span.begin;
    }
    if (chunk.parent) {
      ASSERT_LT(*chunk.parent, static_cast<std::int32_t>(i));
      const Chunk& parent = chunks[static_cast<std::size_t>(*chunk.parent)];
      EXPECT_FALSE(parent.searchable);
      EXPECT_LE(parent.span.begin, chunk.span.begin);
      EXPECT_GE(parent.span.end, chunk.span.end);
    }
    for (const Block& block : document.blocks) {
      const bool overlaps = block.span.begin < chunk.span.end && chunk.span.begin < block.span.end;
      if (overlaps) EXPECT_EQ(block.hidden, chunk.hidden);
    }
    for (std::size_t at = chunk.span.begin; at < chunk.span.end; ++at) {
      covered[at] = true;
      searchable[at] = searchable[at] || chunk.searchable;
    }
  }
  for (const Block& block : document.blocks) {
    for (std::size_t at = block.span.begin; at < block.span.end; ++at) {
      const char c = document.text[at];
      if (c == ' ' || c == '\n' || c == '\t') continue;
      ASSERT_TRUE(covered[at] && searchable[at]) << "byte " << at << " of: " << document.text;
    }
  }
}

/// Blocks of all kinds with sentences, CJK, long words and broken ones.
ParsedDocument RandomDocument(std::mt19937& random) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  ParsedDocument document;
  const auto sentence = [&] {
    std::string text;
    const int words = 1 + pick(pick(10) == 0 ? 200 : 20);
    for (int i = 0; i < words; ++i) {
      static const std::vector<std::string> kWords = {"The", "river", "bank", "xylophone", "e.g.", "水", "水火山",
                                                      "42",  "of",    "a-b",  "\"city\"",  "é",    "😀"};
      text += kWords[static_cast<std::size_t>(pick(static_cast<int>(kWords.size())))];
      if (pick(60) == 0) text += std::string(static_cast<std::size_t>(pick(3000)), 'q');
      text += pick(8) == 0 ? ", " : pick(15) == 0 ? "\n" : " ";
    }
    return text + (pick(3) == 0 ? "。" : pick(4) == 0 ? "?" : ".");
  };
  const int blocks = 1 + pick(12);
  if (pick(2) == 0) document.title = sentence();
  for (int i = 0; i < blocks; ++i) {
    Block block;
    block.kind = static_cast<BlockKind>(pick(7));
    block.level = 1 + pick(6);
    block.hidden = pick(6) == 0;
    std::string text;
    if (block.kind == BlockKind::kTable) {
      block.header_row = pick(2) == 0;
    }
    const int lines = 1 + pick(block.kind == BlockKind::kHeading ? 1 : 8);
    const std::size_t base = document.text.size() + (document.text.empty() ? 0 : 2);
    for (int line = 0; line < lines; ++line) {
      if (line > 0) text += block.kind == BlockKind::kCode && pick(4) == 0 ? "\n\n" : "\n";
      std::string one = sentence();
      if (block.kind == BlockKind::kTable || block.kind == BlockKind::kHeading) {
        std::ranges::replace(one, '\n', ' ');
        if (block.kind == BlockKind::kTable) one += " | " + std::to_string(line);
      }
      if (block.kind == BlockKind::kCode) one = std::string(static_cast<std::size_t>(pick(3)) * 2, ' ') + one;
      if (block.kind == BlockKind::kTable) {
        block.rows.push_back({base + text.size(), base + text.size() + one.size()});
      }
      text += one;
    }
    if (!document.text.empty()) document.text += "\n\n";
    block.span = {document.text.size(), document.text.size() + text.size()};
    document.text += text;
    document.blocks.push_back(std::move(block));
  }
  return document;
}

TEST(Chunk, KeepsItsPromisesForRandomDocuments) {
  std::mt19937 random(20261127);
  for (int i = 0; i < 150 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const ParsedDocument document = RandomDocument(random);
    ChunkOptions options;
    options.method = static_cast<ChunkMethod>(i % 3);
    options.max_tokens = 20 + static_cast<std::int64_t>(random() % 200);
    options.overlap_tokens = static_cast<std::int64_t>(random() % 40);
    options.parent_tokens = options.max_tokens * 3;
    CheckPromises(document, options);
  }
}

TEST(Chunk, PutsHeadingsIntoTheContext) {
  std::string filler;
  for (int i = 0; i < 100; ++i) filler += "river ";
  const auto chunks = ChunksOf("# Guide\n\nIntro " + filler + "a.\n\n## Install\n\nRun it " + filler +
                                   ".\n\n### Linux\n\nUse the " + filler + ".\n",
                               "a.md", {.max_tokens = 150});
  ASSERT_THAT(chunks, SizeIs(3));
  EXPECT_EQ(chunks[0].context, "");
  EXPECT_THAT(chunks[0].text, HasSubstr("Guide\n\nIntro"));
  EXPECT_EQ(chunks[1].context, "Guide");
  EXPECT_THAT(chunks[1].text, testing::StartsWith("Install\n\nRun it"));
  EXPECT_EQ(chunks[2].context, "Guide > Install");
  EXPECT_THAT(chunks[2].text, testing::StartsWith("Linux\n\nUse the"));
}

TEST(Chunk, RepeatsATablesHeader) {
  std::string table = "| Name | Port |\n|---|---|\n";
  for (int i = 0; i < 40; ++i) table += fmt::format("| service{} | {} |\n", i, 8000 + i);
  const auto chunks = ChunksOf(table, "a.md", {.max_tokens = 100});
  ASSERT_GT(chunks.size(), 2U);
  for (const Chunk& chunk : chunks) {
    EXPECT_THAT(chunk.text, testing::StartsWith("Name | Port\nservice"));
    EXPECT_EQ(std::ranges::count(chunk.text, '|') - 1, std::ranges::count(chunk.text, '\n'));
  }
}

TEST(Chunk, KeepsSentencesWholeAndOverlapsThem) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += fmt::format("The river {} is the water of the city and the bank. ", i);
  const auto chunks = ChunksOf(text, "a.txt", {.max_tokens = 60, .overlap_tokens = 20});
  ASSERT_GT(chunks.size(), 5U);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_THAT(chunks[i].text, testing::StartsWith("The river"));
    EXPECT_THAT(chunks[i].text, testing::EndsWith("bank."));
    if (i > 0) EXPECT_LT(chunks[i].span.begin, chunks[i - 1].span.end);
  }
}

TEST(Chunk, SplitsChineseAtItsFullStops) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "水火山城水火山城。";
  const auto chunks = ChunksOf(text, "a.txt", {.max_tokens = 64, .overlap_tokens = 0});
  ASSERT_GT(chunks.size(), 4U);
  for (const Chunk& chunk : chunks) EXPECT_THAT(chunk.text, testing::EndsWith("。"));
}

TEST(Chunk, CutsCodeBetweenDefinitions) {
  std::string code;
  for (int i = 0; i < 12; ++i) code += fmt::format("int f{}(int x) {{\n  int y = x;\n\n  return y + {};\n}}\n\n", i, i);
  const auto chunks = ChunksOf("```cpp\n" + code + "```\n", "a.md", {.max_tokens = 90});
  ASSERT_GT(chunks.size(), 3U);
  for (const Chunk& chunk : chunks) {
    EXPECT_THAT(chunk.text, testing::StartsWith("int f"));
    EXPECT_THAT(chunk.text, testing::EndsWith("}"));
  }
}

TEST(Chunk, MakesOneChunkOfAQuestionAndItsAnswer) {
  const auto chunks = ChunksOf(
      "# FAQ\n\n## Where is the bank?\n\nIn the city.\n\n## Is the water cold?\n\nIt is.\n\nQ: And the river?\n\nA: "
      "Too.\n",
      "a.md", {.method = ChunkMethod::kQuestions});
  ASSERT_THAT(chunks, SizeIs(4));
  EXPECT_EQ(chunks[1].text, "Where is the bank?\n\nIn the city.");
  EXPECT_EQ(chunks[2].text, "Is the water cold?\n\nIt is.");
  EXPECT_EQ(chunks[3].text, "Q: And the river?\n\nA: Too.");
}

TEST(Chunk, MakesOneChunkOfARowOfQuestionAndAnswer) {
  const auto chunks = ChunksOf("| Question | Answer |\n|---|---|\n| Where | Here |\n| When | Now |\n", "a.md",
                               {.method = ChunkMethod::kQuestions});
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].text, "Question | Answer\nWhere | Here");
  EXPECT_EQ(chunks[1].text, "Question | Answer\nWhen | Now");
}

TEST(Sentences, KnowAbbreviationsQuotesAndNumbers) {
  const auto split = [](std::string_view text) {
    std::vector<std::string> sentences;
    for (const Span& span : SplitSentences(text, {0, text.size()})) {
      sentences.emplace_back(text.substr(span.begin, span.size()));
    }
    return sentences;
  };
  EXPECT_THAT(split("Dr. J. Smith paid 3.5 e.g. today. \"Really?\" He did! See fig. 3. yes"),
              ElementsAre("Dr. J. Smith paid 3.5 e.g. today.", "\"Really?\"", "He did!", "See fig. 3. yes"));
  EXPECT_THAT(split("他说：“好。”然后走了。真的吗？是"), ElementsAre("他说：“好。”", "然后走了。", "真的吗？", "是"));
  EXPECT_THAT(split("यह एक है। वह दो है।"), ElementsAre("यह एक है।", "वह दो है।"));
}

}  // namespace
}  // namespace strata::knowledge
